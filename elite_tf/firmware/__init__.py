"""From a .tflite file to C sources that compute the same, byte for byte.

    parse_tflite -> lowering -> passes -> memory_planner -> codegen

`parse_tflite` reads the file into a `graph`. `lowering` turns the graph into
the intermediate representation (`ir`): stages, which are calls of the kernels
in the folder `tflite`. `passes` fuses stages. `memory_planner` gives every
map its place in one buffer, by the `schedule` of the rows. `codegen` writes the
C sources.
"""
