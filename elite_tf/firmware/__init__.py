"""From a .tflite file to C sources that compute the same, byte for byte.

    parse_tflite -> lowering, passes -> schedule, memory_planner -> codegen

`parse_tflite` checks the file and makes a graph of operators. `lowering` makes a
program of stages from it; a stage is a call of a kernel of the folder `tflite`.
`passes` joins stages. `schedule` finds when each row of a map is computed and
read last, `memory_planner` gives every map its place in one buffer, and
`codegen` writes the C sources.
"""
