import type { Core } from '../wasm/instance.js'
import { KEY_BYTES } from '../wire/layout.js'

/**
 * Two lines a connection, each `label ‖ client session public key ‖ key`, in hex. The session key is in the clear in the hello, so
 * that a capture's connections find their keys. A key is its direction's first: rekeys follow from it.
 */
export function keyLogLines(core: Core, channel: number): string[] {
  const { exports } = core
  const connection = toHex(core.view(exports.clientSessionKey(channel), KEY_BYTES))
  const keys = exports.sessionKeys(channel)
  const name = `NOPKI${exports.version(channel)}`
  return [
    `${name}_CLIENT_TO_SERVER ${connection} ${toHex(core.view(keys, KEY_BYTES))}`,
    `${name}_SERVER_TO_CLIENT ${connection} ${toHex(core.view(keys + KEY_BYTES, KEY_BYTES))}`,
  ]
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}
