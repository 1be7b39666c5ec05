"""Body plans of the species, in metres and colours; `animals` draws any of them."""

from __future__ import annotations

from dataclasses import dataclass

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Gait:
    """How a species goes at one speed.

    Attributes:
        speed_m_s: over the ground.
        stride_m: per cycle of the legs.
        phases: of the left hind, left fore, right hind and right fore foot, in cycles.
        duty: share of the cycle that a foot stands.
        lift: of the foot, as a share of the leg.
        bounce: up and down of the body, as a share of the leg.
        pitch: rocking of the body, radians.
    """

    speed_m_s: float
    stride_m: float
    phases: tuple[float, float, float, float]
    duty: float
    lift: float
    bounce: float
    pitch: float


@dataclass(frozen=True, slots=True)
class Body:
    """Measures of a grown animal, metres, and its colours, RGB.

    Attributes:
        shoulder: height of the shoulder joint above ground.
        hip: height of the hip joint.
        trunk: length from shoulder to hip joint.
        radii: of the trunk at chest, belly and rump.
        width: of the trunk across, as a share of its height.
        neck: length, radius at the shoulder, radius at the head.
        head: length, radius at the skull, radius at the nose.
        legs: radius of thigh, knee and foot.
        thigh: radius of the hind thigh.
        ears: length and radius.
        tail: length, radius at the root, radius in its middle.
        carriage: angle of the neck above the horizontal when at ease, radians.
        coat, belly, leg, face, ear, tail_colour, tail_tip, rump: colours.
        walk: the walking gait.
        run: the running gait.
        antlers: some are stags.
        crest: bristles along the back.
    """

    shoulder: float
    hip: float
    trunk: float
    radii: tuple[float, float, float]
    width: float
    neck: tuple[float, float, float]
    head: tuple[float, float, float]
    legs: tuple[float, float, float]
    thigh: float
    ears: tuple[float, float]
    tail: tuple[float, float, float]
    carriage: float
    coat: Colour
    belly: Colour
    leg: Colour
    face: Colour
    ear: Colour
    tail_colour: Colour
    tail_tip: Colour
    rump: Colour | None
    walk: Gait
    run: Gait
    antlers: bool = False
    crest: bool = False


WALK_PHASES = (0.0, 0.25, 0.5, 0.75)  # lateral sequence: left hind, left fore, right hind, right fore
GALLOP_PHASES = (0.0, 0.42, 0.12, 0.55)
BOUND_PHASES = (0.0, 0.45, 0.05, 0.52)

BODIES: dict[str, Body] = {
    "red deer": Body(
        shoulder=0.98,
        hip=1.0,
        trunk=0.86,
        radii=(0.25, 0.23, 0.22),
        width=0.72,
        neck=(0.52, 0.15, 0.09),
        head=(0.34, 0.095, 0.045),
        legs=(0.075, 0.038, 0.026),
        thigh=0.15,
        ears=(0.2, 0.045),
        tail=(0.14, 0.04, 0.03),
        carriage=0.75,
        coat=(134, 96, 66),
        belly=(168, 126, 88),
        leg=(112, 76, 52),
        face=(126, 88, 60),
        ear=(150, 112, 84),
        tail_colour=(178, 136, 92),
        tail_tip=(170, 128, 88),
        rump=(206, 178, 134),
        walk=Gait(1.2, 1.55, WALK_PHASES, 0.64, 0.14, 0.02, 0.015),
        run=Gait(6.0, 3.2, GALLOP_PHASES, 0.3, 0.32, 0.1, 0.13),
        antlers=True,
    ),
    "wild boar": Body(
        shoulder=0.56,
        hip=0.52,
        trunk=0.72,
        radii=(0.29, 0.26, 0.2),
        width=0.62,
        neck=(0.24, 0.24, 0.17),
        head=(0.44, 0.16, 0.05),
        legs=(0.08, 0.045, 0.032),
        thigh=0.13,
        ears=(0.13, 0.05),
        tail=(0.24, 0.022, 0.012),
        carriage=-0.12,
        coat=(66, 57, 50),
        belly=(82, 72, 62),
        leg=(44, 38, 35),
        face=(78, 68, 60),
        ear=(56, 48, 43),
        tail_colour=(58, 50, 44),
        tail_tip=(36, 31, 29),
        rump=None,
        walk=Gait(1.0, 1.05, WALK_PHASES, 0.64, 0.14, 0.02, 0.015),
        run=Gait(4.5, 2.1, GALLOP_PHASES, 0.32, 0.3, 0.09, 0.12),
        crest=True,
    ),
    "red fox": Body(
        shoulder=0.3,
        hip=0.31,
        trunk=0.42,
        radii=(0.095, 0.085, 0.085),
        width=0.75,
        neck=(0.15, 0.075, 0.06),
        head=(0.17, 0.066, 0.016),
        legs=(0.034, 0.02, 0.016),
        thigh=0.06,
        ears=(0.085, 0.032),
        tail=(0.42, 0.035, 0.065),
        carriage=0.55,
        coat=(172, 104, 60),
        belly=(208, 180, 152),
        leg=(52, 38, 32),
        face=(174, 112, 70),
        ear=(58, 42, 36),
        tail_colour=(164, 104, 66),
        tail_tip=(226, 216, 204),
        rump=None,
        walk=Gait(0.95, 0.72, WALK_PHASES, 0.6, 0.16, 0.03, 0.015),
        run=Gait(4.5, 1.6, GALLOP_PHASES, 0.3, 0.36, 0.14, 0.14),
    ),
    "European hare": Body(
        shoulder=0.17,
        hip=0.2,
        trunk=0.3,
        radii=(0.08, 0.1, 0.115),
        width=0.75,
        neck=(0.08, 0.055, 0.045),
        head=(0.115, 0.05, 0.024),
        legs=(0.03, 0.019, 0.015),
        thigh=0.085,
        ears=(0.165, 0.026),
        tail=(0.045, 0.026, 0.024),
        carriage=0.65,
        coat=(140, 116, 86),
        belly=(196, 174, 144),
        leg=(146, 114, 80),
        face=(144, 112, 78),
        ear=(132, 100, 70),
        tail_colour=(222, 214, 204),
        tail_tip=(236, 230, 222),
        rump=None,
        walk=Gait(0.7, 0.55, BOUND_PHASES, 0.55, 0.25, 0.1, 0.08),
        run=Gait(5.0, 1.5, BOUND_PHASES, 0.28, 0.4, 0.22, 0.2),
    ),
}
