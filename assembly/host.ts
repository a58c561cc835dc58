// What only the host has. The faster primitives will stand here too, with the rule that picks them.

/** Fills `length` bytes at `pointer` from the host's random source. */
// @ts-ignore: decorator
@external("host", "random")
export declare function random(pointer: usize, length: usize): void
