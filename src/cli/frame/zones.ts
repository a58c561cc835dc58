import { networkInterfaces } from 'node:os'

/** What there is to say of an address whose zone is no interface here: the system says EINVAL. Undefined of any other error. */
export function missingZone(error: unknown): { reason: string; hint: string } | undefined {
  const { code = '', address = '' } = error as { code?: string; address?: string }
  const [, zone = ''] = /%(.+)$/.exec(String(address)) ?? []
  const names = Object.keys(networkInterfaces())
  if (!CODES.includes(code) || zone === '' || names.includes(zone)) return undefined
  const those = names.length > 0 ? `those with an address are ${names.join(', ')}` : 'none has an address'
  return { reason: `this machine has no interface ${zone} (${code})`, hint: `give one of its interfaces: ${those}` }
}

// Linux says EINVAL; others ENXIO, ENODEV or that there is no such address.
const CODES = ['EINVAL', 'ENXIO', 'ENODEV', 'EADDRNOTAVAIL', 'ENOTFOUND']
