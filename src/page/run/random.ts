// The page's random source. A link has to show the same bytes to everyone, so all of them follow from a seed that is in the link:
// good for looking at, and for nothing else.

import type { RandomSource } from '../../wasm/instance.js'

/** Random bytes that follow from a text. Two names give two sources that have nothing in common. */
export function seededRandom(seed: string, name: string): RandomSource {
  const state = stateOf(`${seed}\0${name}`)
  return out => {
    for (let at = 0; at < out.length; at++) out[at] = next(state) >>> 24
  }
}

/** sfc32: small, fast, and not for keys. */
function next(state: Uint32Array): number {
  const [a = 0, b = 0, c = 0, d = 0] = state
  const sum = (a + b + d) | 0
  state[3] = d + 1
  state[0] = b ^ (b >>> 9)
  state[1] = (c + (c << 3)) | 0
  state[2] = ((c << 21) | (c >>> 11)) + sum
  return sum >>> 0
}

function stateOf(text: string): Uint32Array {
  const state = Uint32Array.of(0x9e3779b9, 0x243f6a88, 0xb7e15162, 1)
  for (const byte of new TextEncoder().encode(text)) {
    state[0] = (state[0] ?? 0) ^ byte
    for (let round = 0; round < 4; round++) next(state)
  }
  for (let round = 0; round < 16; round++) next(state)
  return state
}
