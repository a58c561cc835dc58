// Where Node, Deno and Bun have channel.wasm: in a file.

import { readFileSync } from 'node:fs'
import { ChannelError } from '../errors.js'

/** @throws ChannelError USE_NO_WASM */
export function findWasm(): Uint8Array<ArrayBuffer> {
  const url = new URL('../../channel.wasm', import.meta.url)
  try {
    return new Uint8Array(readFileSync(url))
  } catch (cause) {
    const forbidden = (cause as Error).name === 'NotCapable'
    throw new ChannelError('USE_NO_WASM', `${url.pathname} cannot be read`, {
      ...(forbidden && { next: 'run Deno with --allow-read' }),
      cause,
    })
  }
}
