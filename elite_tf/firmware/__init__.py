"""From a .tflite file to C sources that compute the same, byte for byte.

    reader -> graph -> lowering (stages) -> schedule, layout -> emission

`reader` follows the file; `lowering` makes stages, which are calls of the
kernels in the folder `tflite`; `schedule` plays through which rows are computed
when, `layout` gives every map its place in one buffer by that, and `emission`
writes the C sources.
"""
