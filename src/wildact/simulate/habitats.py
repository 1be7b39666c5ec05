"""The kinds of places: palettes and densities from which a scene is painted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Colour = tuple[int, int, int]
Palette = tuple[Colour, ...]
Bark = Literal["smooth", "rough", "birch"]


@dataclass(frozen=True, slots=True)
class Habitat:
    """What grows and lies at a site. Colours are RGB under neutral light, lengths metres.

    Attributes:
        name: for the reader of a table.
        ground: soil colours, mixed by noise.
        litter: colours of what lies about (leaves, needles, stones).
        litter_count: pieces in the picture, at 640x360.
        litter_size_m: length of a piece.
        grass: colours of blades.
        grass_count: blades in the picture, at 640x360.
        grass_height_m: of the tallest blades.
        trunks: how many trees, from and to.
        trunk_radius_m: from and to.
        bark: kind of bark.
        bark_colour: of its lit side.
        foliage: colours of leaves from shade to light.
        bushes: how many, from and to.
        ferns: how many, from and to.
        rocks: how many, from and to.
        logs: how many, from and to.
        wall: colours of the far background from dark to light.
        wall_top: height of the far background as a share of the room above the horizon; above it is sky.
        sky: colour.
        haze: what distance fades to.
        path: whether a path crosses.
        stream: whether water crosses.
        snow: whether snow lies.
        months: in which pictures are taken there.
    """

    name: str
    ground: Palette
    litter: Palette
    litter_count: int
    litter_size_m: float
    grass: Palette
    grass_count: int
    grass_height_m: float
    trunks: tuple[int, int]
    trunk_radius_m: tuple[float, float]
    bark: Bark
    bark_colour: Colour
    foliage: Palette
    bushes: tuple[int, int]
    ferns: tuple[int, int]
    rocks: tuple[int, int]
    logs: tuple[int, int]
    wall: Palette
    wall_top: float
    sky: Colour
    haze: Colour
    path: bool = False
    stream: bool = False
    snow: bool = False
    months: tuple[int, ...] = (4, 5, 6, 7, 8, 9, 10)


HABITATS: tuple[Habitat, ...] = (
    Habitat(
        name="beech forest",
        ground=((92, 70, 50), (120, 92, 64), (66, 54, 42)),
        litter=((150, 106, 66), (122, 82, 50), (176, 134, 90), (92, 66, 46), (138, 112, 84)),
        litter_count=6500,
        litter_size_m=0.10,
        grass=((84, 104, 50), (110, 122, 62)),
        grass_count=500,
        grass_height_m=0.14,
        trunks=(9, 15),
        trunk_radius_m=(0.08, 0.32),
        bark="smooth",
        bark_colour=(142, 140, 128),
        foliage=((34, 56, 22), (70, 104, 36), (118, 152, 58), (160, 186, 86)),
        bushes=(2, 5),
        ferns=(0, 3),
        rocks=(0, 3),
        logs=(1, 3),
        wall=((38, 48, 30), (78, 96, 52), (132, 150, 84), (190, 202, 150)),
        wall_top=1.2,
        sky=(222, 230, 232),
        haze=(166, 180, 160),
    ),
    Habitat(
        name="meadow edge",
        ground=((92, 98, 48), (120, 118, 62), (74, 78, 42)),
        litter=((140, 136, 80), (104, 98, 56), (170, 162, 110)),
        litter_count=900,
        litter_size_m=0.06,
        grass=((96, 120, 48), (128, 146, 66), (160, 162, 92), (74, 98, 42), (186, 176, 118)),
        grass_count=13000,
        grass_height_m=0.34,
        trunks=(1, 4),
        trunk_radius_m=(0.06, 0.25),
        bark="rough",
        bark_colour=(112, 96, 78),
        foliage=((36, 58, 24), (70, 98, 40), (108, 138, 58), (150, 172, 84)),
        bushes=(4, 8),
        ferns=(0, 2),
        rocks=(0, 2),
        logs=(0, 1),
        wall=((36, 52, 30), (66, 88, 46), (102, 124, 66), (140, 156, 92)),
        wall_top=0.55,
        sky=(186, 208, 232),
        haze=(158, 178, 178),
        path=True,
    ),
    Habitat(
        name="conifer plantation",
        ground=((84, 62, 44), (108, 82, 58), (64, 50, 38)),
        litter=((128, 88, 56), (98, 70, 48), (150, 112, 76), (74, 56, 42)),
        litter_count=5200,
        litter_size_m=0.07,
        grass=((70, 92, 48), (90, 110, 58)),
        grass_count=900,
        grass_height_m=0.12,
        trunks=(13, 20),
        trunk_radius_m=(0.07, 0.19),
        bark="rough",
        bark_colour=(132, 98, 76),
        foliage=((22, 38, 24), (42, 66, 38), (66, 92, 52), (96, 120, 70)),
        bushes=(1, 4),
        ferns=(2, 6),
        rocks=(0, 2),
        logs=(1, 4),
        wall=((20, 28, 20), (40, 54, 36), (66, 84, 54), (112, 126, 94)),
        wall_top=1.3,
        sky=(206, 216, 218),
        haze=(122, 136, 126),
    ),
    Habitat(
        name="heath",
        ground=((128, 110, 78), (152, 136, 98), (98, 82, 62)),
        litter=((120, 88, 84), (146, 112, 98), (96, 78, 58), (172, 156, 118)),
        litter_count=2500,
        litter_size_m=0.08,
        grass=((152, 140, 84), (180, 166, 108), (118, 112, 64), (122, 88, 92), (104, 92, 58)),
        grass_count=9000,
        grass_height_m=0.24,
        trunks=(2, 5),
        trunk_radius_m=(0.05, 0.15),
        bark="birch",
        bark_colour=(206, 200, 190),
        foliage=((58, 52, 34), (96, 88, 52), (126, 112, 70), (148, 128, 110)),
        bushes=(5, 10),
        ferns=(0, 3),
        rocks=(1, 5),
        logs=(0, 2),
        wall=((50, 60, 46), (82, 92, 66), (116, 122, 88), (150, 152, 116)),
        wall_top=0.4,
        sky=(206, 214, 222),
        haze=(176, 184, 186),
        path=True,
    ),
    Habitat(
        name="snowy wood",
        ground=((206, 212, 220), (226, 230, 234), (182, 190, 202)),
        litter=((150, 134, 116), (112, 98, 84), (196, 202, 210), (236, 238, 240)),
        litter_count=900,
        litter_size_m=0.06,
        grass=((140, 124, 90), (166, 150, 114), (110, 98, 72)),
        grass_count=900,
        grass_height_m=0.26,
        trunks=(7, 13),
        trunk_radius_m=(0.06, 0.24),
        bark="rough",
        bark_colour=(104, 96, 90),
        foliage=((58, 54, 48), (92, 84, 72), (150, 146, 140), (222, 226, 230)),
        bushes=(2, 6),
        ferns=(0, 0),
        rocks=(0, 4),
        logs=(0, 3),
        wall=((66, 68, 70), (104, 106, 108), (152, 156, 160), (206, 210, 216)),
        wall_top=1.0,
        sky=(220, 226, 234),
        haze=(196, 202, 210),
        snow=True,
        months=(12, 1, 2),
    ),
    Habitat(
        name="stream bank",
        ground=((108, 96, 74), (134, 122, 98), (84, 76, 58)),
        litter=((146, 138, 124), (116, 110, 100), (172, 164, 150), (130, 98, 66), (92, 86, 78)),
        litter_count=3200,
        litter_size_m=0.11,
        grass=((76, 106, 44), (104, 132, 58), (134, 150, 78)),
        grass_count=3500,
        grass_height_m=0.30,
        trunks=(3, 7),
        trunk_radius_m=(0.06, 0.22),
        bark="rough",
        bark_colour=(120, 112, 98),
        foliage=((30, 54, 24), (62, 98, 38), (104, 142, 56), (156, 184, 92)),
        bushes=(4, 8),
        ferns=(2, 6),
        rocks=(4, 10),
        logs=(0, 2),
        wall=((32, 46, 28), (64, 86, 44), (108, 132, 66), (170, 186, 122)),
        wall_top=1.1,
        sky=(216, 226, 230),
        haze=(150, 168, 148),
        stream=True,
    ),
)
