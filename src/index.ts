// What is the same everywhere.

export type { WireBytes } from './engine/wire-tap.js'
export { type Alert, ChannelError, type ChannelErrorCode } from './errors.js'
export { type Address, formatAddress, parseAddress } from './keys/address.js'
export type { KeyPair } from './keys/pair.js'
export { decodeBareKey, decodePublicKey, decodeSecretKey, encodePublicKey, encodeSecretKey } from './keys/text.js'
