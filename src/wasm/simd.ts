/** Why this engine cannot compile channel.wasm, if SIMD is what it is without. */
export function simdMissing(): string | undefined {
  // A module with the type of a function that returns a vector.
  if (WebAssembly.validate(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123))) return undefined
  return 'channel.wasm needs WebAssembly SIMD, as engines have since 2023 (Safari 16.4)'
}
