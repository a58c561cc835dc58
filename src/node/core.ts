import { readFileSync } from 'node:fs'
import { Core } from '../core/core.js'
import { ChannelError } from '../errors.js'

let shared: Core | undefined

/** The one instance of channel.wasm that all channels of this process use; loaded at first use. @throws ChannelError USE_NO_WASM */
export function nodeCore(): Core {
  shared ??= new Core(readWasm())
  return shared
}

function readWasm(): Uint8Array<ArrayBuffer> {
  const url = new URL('../../channel.wasm', import.meta.url)
  try {
    return new Uint8Array(readFileSync(url))
  } catch (cause) {
    throw new ChannelError('USE_NO_WASM', `${url.pathname} cannot be read`, { cause })
  }
}
