import type net from 'node:net'

/** An IPv4 client of a socket for both families is shown, and counted, by the address that it has. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}

/** `address:port` of the other end, or `unix`. */
export function addressOf({ remoteAddress, remotePort }: Pick<net.Socket, 'remoteAddress' | 'remotePort'>): string {
  if (remoteAddress === undefined) return 'unix'
  const host = plainAddress(remoteAddress)
  return `${host.includes(':') ? `[${host}]` : host}:${remotePort ?? 0}`
}
