import { ChannelError } from '../errors.js'
import type { Core } from '../wasm/instance.js'
import { badOption, checkInteger, checkText } from './options.js'

/** "Version 2", export: crypto_generichash(length, label length u8 ‖ label ‖ context, key = exporter secret). */
export function exportKey(
  core: Core,
  channel: number,
  label: string,
  context: Uint8Array | string,
  length: number,
): Uint8Array {
  checkInteger('length', length, 16, 64)
  const labelBytes = typeof label === 'string' ? checkText('label', label) : NONE
  if (labelBytes.length === 0 || labelBytes.length > 255) {
    throw badOption('label', label, 'a string of 1 to 255 bytes that no other use of this channel has')
  }
  const contextBytes = checkText('context', context)
  const inputLength = 1 + labelBytes.length + contextBytes.length
  return core.lend(inputLength + length, input => {
    const { bytes } = core
    bytes[input] = labelBytes.length
    bytes.set(labelBytes, input + 1)
    bytes.set(contextBytes, input + 1 + labelBytes.length)
    const out = input + inputLength
    if (core.exports.exportKey(channel, out, length, input, inputLength) < 0)
      throw new ChannelError('USE_NOT_CONNECTED')
    return core.copy(out, length)
  })
}

const NONE = new Uint8Array()
