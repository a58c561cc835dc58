// What only the host has: random bytes, and the platform's own builds of X25519 and of version 2's record cipher. A channel uses the cipher
// for records of at least `hostFrom` bytes (cipher.ts), below which a call out costs more than it saves. The bytes such a record carries stay in the
// host's hands; its framing, its nonce and its key do not.

/** Fills `length` bytes at `pointer` from the host's random source. */
// @ts-ignore: decorator
@external("host", "random")
export declare function random(pointer: usize, length: usize): void

/**
 * X25519: the product [32] of a secret and a public key, or the secret's own public key where `publicKey` is 0. Returns 0; 1 where the
 * public key is weak; below 0, with nothing done, where the host has no X25519.
 */
// @ts-ignore: decorator
@external("host", "multiply")
export declare function hostMultiply(out: usize, secretKey: usize, publicKey: usize): i32

/** Seals a record. Its length, and the size and type ahead of the data, are at `record`; the host has the data, and keeps the result. */
// @ts-ignore: decorator
@external("host", "sealRecord")
export declare function hostSeal(record: usize, nonce: usize, key: usize): void

/** Opens the record, and keeps its plaintext, whose size and type it writes to their place. Returns 0 unless it was changed. */
// @ts-ignore: decorator
@external("host", "openRecord")
export declare function hostOpen(record: usize, nonce: usize, key: usize): i32

/** Writes the plaintext that was opened last to its place, `length` bytes at `plaintext`. */
// @ts-ignore: decorator
@external("host", "revealRecord")
export declare function hostReveal(plaintext: usize, length: u32): void
