"""Noise textures: what makes bark, soil, leaves and light look like more than flat colour."""

from __future__ import annotations

import cv2
import numpy as np

from wildact.types import Float32

SIZE = 512
_BAND_PERIOD = 8.0  # pixels per wave of the band-limited texture


def spectral_noise(height: int, width: int, rng: np.random.Generator, exponent: float = 1.0) -> Float32:
    """(H, W) float32 periodic noise, mean 0, standard deviation 1; amplitude falls as 1 / f**exponent."""
    spectrum = np.fft.rfft2(rng.standard_normal((height, width)))
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    frequency = np.hypot(fy * height, fx * width)  # cycles over the picture
    frequency[0, 0] = 1
    spectrum /= frequency**exponent
    spectrum[0, 0] = 0
    return _normalized(np.fft.irfft2(spectrum, (height, width)))


def band_noise(rng: np.random.Generator) -> Float32:
    """(SIZE, SIZE) float32 periodic noise with waves of about 8 pixels, mean 0, standard deviation 1."""
    white = rng.standard_normal((SIZE, SIZE)).astype(np.float32)
    wrapped = cv2.copyMakeBorder(white, 32, 32, 32, 32, cv2.BORDER_WRAP)
    band = cv2.GaussianBlur(wrapped, (0, 0), _BAND_PERIOD / 5) - cv2.GaussianBlur(
        wrapped, (0, 0), _BAND_PERIOD / 2
    )
    return _normalized(band[32:-32, 32:-32])


def sample_band(band: Float32, u: Float32, v: Float32, wave_m: float) -> Float32:
    """Look ``band`` up at (H, W) positions u, v in metres, stretched so that a wave is ``wave_m`` long."""
    scale = _BAND_PERIOD / wave_m
    return np.asarray(
        cv2.remap(
            band,
            np.mod(u * scale, SIZE - 1).astype(np.float32),
            np.mod(v * scale, SIZE - 1).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        ),
        np.float32,
    )


def ground_noise(
    band: Float32,
    x: Float32,
    z: Float32,
    px_per_m: Float32,
    waves_m: tuple[float, ...],
    falloff: float = 0.75,
) -> Float32:
    """Sum of octaves on the ground plane; an octave fades out where its waves are smaller than pixels.

    Args:
        band: of :func:`band_noise`.
        x: (H, W) metres.
        z: (H, W) metres.
        px_per_m: (H, W) pixels per metre, the smaller of both directions.
        waves_m: lengths of the waves, from long to short.
        falloff: amplitude of each octave relative to the one before.
    """
    total = np.zeros_like(x)
    for k, wave in enumerate(waves_m):
        weight = np.clip((wave * px_per_m - 1.2) / 2.5, 0, 1) * falloff**k
        total += weight * sample_band(band, x + 17.3 * k, z + 5.7 * k, wave)
    return total


def smoothstep(value: Float32, low: float, high: float) -> Float32:
    """0 below ``low``, 1 above ``high``, smooth in between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _normalized(noise: np.ndarray) -> Float32:
    return np.asarray((noise - noise.mean()) / max(float(noise.std()), 1e-6), np.float32)
