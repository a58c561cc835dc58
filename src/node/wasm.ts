// Where Node, Deno and Bun have channel.wasm: in a file.

import { readFileSync } from 'node:fs'
import { readFile as read } from 'node:fs/promises'
import { ChannelError } from '../errors.js'
import { IN_A_BUNDLE } from '../load/load.js'

/** @throws ChannelError USE_NO_WASM */
export function findWasm(): Uint8Array<ArrayBuffer> {
  const here: string | undefined = import.meta.url
  try {
    return readWasm(here)
  } catch (cause) {
    if (!here) throw inBundle('this program is one file of CommonJS, which does not know where it is', cause)
    if (!here.endsWith('/build/src/node/wasm.js')) throw inBundle(`this program is a bundle, ${here}`, cause)
    const forbidden = (cause as Error).name === 'NotCapable'
    throw new ChannelError('USE_NO_WASM', `${new URL(FROM_HERE, here).pathname} cannot be read`, {
      ...(forbidden && { next: 'run Deno with --allow-read' }),
      cause,
    })
  }
}

function readWasm(here: string): Uint8Array<ArrayBuffer> {
  try {
    // Bundlers know this form of URL: webpack and Turbopack have channel.wasm go along.
    return new Uint8Array(readFileSync(new URL('../../channel.wasm', import.meta.url)))
  } catch {
    // What Turbopack makes of it for a page that it renders is an address for browsers.
    return new Uint8Array(readFileSync(new URL(FROM_HERE, here)))
  }
}

/** Of paths, and of URLs of files. What else has a scheme is fetched. */
export function readFile(source: string | URL): Promise<Uint8Array> | undefined {
  const text = String(source)
  if (/^file:/i.test(text)) return read(new URL(text))
  return /^[a-z][a-z\d+.-]+:/i.test(text) ? undefined : read(text)
}

function inBundle(where: string, cause: unknown): ChannelError {
  return new ChannelError('USE_NO_WASM', `${where}: channel.wasm is not with it`, { next: IN_A_BUNDLE, cause })
}

const FROM_HERE = ['..', '..', 'channel.wasm'].join('/')

/** No WebSocket hibernates here. */
export function refuseHibernating(_cause: unknown): void {}
