/* Nothing: the library is found by it. */
