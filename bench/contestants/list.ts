import type { Contestant } from './contestant.js'

/** Who takes part, by the names that the tables have. Each is loaded by itself: a measure sees no memory and no start-up but its own. */
const MODULES: Record<string, () => Promise<{ default: Contestant }>> = {
  'nopki, native': () => import('./nopki-native.js'),
  'nopki, wasm': () => import('./nopki-wasm.js'),
  'raw TCP': () => import('./tcp.js'),
  'TLS, AES-256-GCM': () => import('./tls-aes.js'),
  'TLS, ChaCha20': () => import('./tls-chacha.js'),
  'secret-stream': () => import('./secret-stream.js'),
  'secret-handshake': () => import('./secret-handshake.js'),
  'libp2p-noise': () => import('./noise.js'),
}

export const NAMES = Object.keys(MODULES)
export const NATIVE = 'nopki, native'
export const WASM = 'nopki, wasm'
export const RAW = 'raw TCP'
export const TLS = ['TLS, AES-256-GCM', 'TLS, ChaCha20']
export const SECRET_STREAM = 'secret-stream'
/** No contestant, but has two ends as they do. */
export const CIPHER_ALONE = 'node:crypto over TCP, alone'

/** @throws where the package that it stands on is not installed */
export async function loadContestant(name: string): Promise<Contestant> {
  const load = name === CIPHER_ALONE ? () => import('./cipher-alone.js') : MODULES[name]
  if (!load) throw new Error(`there is no contestant ${name}`)
  return (await load()).default
}
