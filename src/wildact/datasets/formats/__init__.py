"""Annotation formats of other tools, read into a :class:`wildact.datasets.Dataset` and written from one.

Begin with :mod:`wildact.datasets.formats.table`, which names each format's reader and writer and what it
holds. A simple format is one module, others are a folder with ``read`` and ``write``:

::

    guess  ->  table  ->  FORMAT.read  ->  facts  ->  losses  ->  FORMAT.write
    which      who        labels            what the   what the    a target,
    format     reads it   to a Dataset      videos say target      whole or not
                                                       cannot hold at all

The rest is shared by several formats: ``xml_stream``, ``documents`` (JSON), ``segmentation``, ``rows``
(tracks gathered box by box), ``keyframes``, ``checks`` (what must hold of labels from any format) and
``build`` (a checked data set of what was read).
"""
