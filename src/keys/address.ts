import { ChannelError, OUTSIDE } from '../errors.js'
import { KEYS_MOST } from '../wire/abi.js'
import { decodePublicKey, encodePublicKey } from './text.js'

/** Where a server is, and which key it has to prove. */
export interface Address {
  /** A name, an IPv4 or an IPv6 address (without brackets; with a zone, as `fe80::1%eth0`). */
  host: string
  /** 1 to 65535. */
  port: number
  /** The key that it is asked for. */
  serverKey: Uint8Array
  /** Where it has one of several, which are all accepted: all of them, `serverKey` first. */
  serverKeys?: readonly Uint8Array[]
  /** The middlebox that the hello is addressed to. */
  middleboxKey?: Uint8Array
  /** The protocol’s version, if the address names one. */
  version?: 1 | 2
}

const SCHEME = 'nopki://'
/** An IPv6 address, with its zone where it has one: the name of an interface, which is nearly any text. */
export const IPV6 = '[0-9a-fA-F:.]+(?:%[^\\s/:%?#\\[\\]]+)?'
const FORM = new RegExp(`^([^@/?#]*)@(\\[${IPV6}\\]|[^@/?#:[\\]]+):([0-9]{1,5})/?(?:\\?([^#]*))?$`)

/** Reads `nopki://pk_…@host:port?middlebox=pk_…&version=1`; of a server that changes its key, `nopki://pk_NEW,pk_OLD@…`. @throws ChannelError USE_BAD_ADDRESS or USE_BAD_KEY */
export function parseAddress(text: string): Address {
  if (typeof text !== 'string' || !text.startsWith(SCHEME)) throw bad(`it does not start with ${SCHEME}`)
  // The text is not quoted in errors: someone may have pasted a secret key into it.
  const match = FORM.exec(text.slice(SCHEME.length))
  if (!match) throw bad('it is not of the form nopki://pk_…@host:port')
  const [, key = '', host = '', port = '', query = ''] = match
  const [serverKey, ...others] = decodeKeys(key)
  const address: Address = { host: host.replace(/^\[|\]$/g, ''), port: Number(port), serverKey }
  if (others.length > 0) address.serverKeys = [serverKey, ...others]
  if (address.port < 1 || address.port > 65535) throw bad(`port ${port} is not from 1 to 65535`)
  for (const [name, value] of new URLSearchParams(query)) {
    if (name === 'middlebox') address.middleboxKey = decodePublicKey(value)
    else if (name === 'version') address.version = parseVersion(value)
    else throw bad('a parameter is neither middlebox nor version')
  }
  return address
}

/** Writes an address as `parseAddress` reads it. @throws ChannelError USE_BAD_ADDRESS or USE_BAD_KEY */
export function formatAddress(address: Address): string {
  const { host, port, serverKey, serverKeys = [], middleboxKey, version } = address
  if (typeof host !== 'string' || host === '') throw bad('it has no host')
  const query = new URLSearchParams()
  if (middleboxKey) query.set('middlebox', encodePublicKey(middleboxKey))
  if (version !== undefined) query.set('version', String(version))
  const place = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const keys = new Set([serverKey, ...serverKeys].map(encodePublicKey))
  const text = `${SCHEME}${[...keys].join(',')}@${place}${query.size ? `?${query}` : ''}`
  parseAddress(text)
  return text
}

function decodeKeys(text: string): [Uint8Array, ...Uint8Array[]] {
  const [first = '', ...others] = text.split(',')
  if (others.length >= KEYS_MOST) throw bad(`it has more than ${KEYS_MOST} keys`)
  return [decodePublicKey(first), ...others.map(decodePublicKey)]
}

function parseVersion(value: string): 1 | 2 {
  if (value !== '1' && value !== '2') throw bad('the version is neither 1 nor 2')
  return value === '1' ? 1 : 2
}

function bad(reason: string): ChannelError {
  return new ChannelError('USE_BAD_ADDRESS', `this is no address: ${reason}`, OUTSIDE.USE_BAD_ADDRESS)
}
