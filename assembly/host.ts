// What only the host has: random bytes, and the platform's own builds of X25519 and of version 2's record cipher. Each works in place on
// linear memory and keeps nothing. Each answers below 0, with nothing done, if the host has none: then the linked one is used.

/** Fills `length` bytes at `pointer` from the host's random source. */
// @ts-ignore: decorator
@external("host", "random")
export declare function random(pointer: usize, length: usize): void

/**
 * X25519: the product [32] of a secret and a public key, or the secret's own public key if `publicKey` is 0. Returns 0; 1 if the
 * public key is weak.
 */
// @ts-ignore: decorator
@external("host", "multiply")
export declare function hostMultiply(out: usize, secretKey: usize, publicKey: usize): i32

/** Seals `length` bytes in place, and writes the tag [16] after them. Returns 0. */
// @ts-ignore: decorator
@external("host", "seal")
export declare function hostSeal(
  bytes: usize, length: usize, additional: usize, additionalLength: usize, nonce: usize, key: usize
): i32

/** Opens `length` bytes and the tag [16] after them in place. Returns 0; 1 if the tag does not match: then nothing is opened. */
// @ts-ignore: decorator
@external("host", "open")
export declare function hostOpen(
  bytes: usize, length: usize, additional: usize, additionalLength: usize, nonce: usize, key: usize
): i32
