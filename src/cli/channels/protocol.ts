// Which version of the protocol a command speaks.

import { Failure } from '../frame/failure.js'
import { protocolVersion } from '../frame/values.js'

export const protocolOptions = {
  protocol: {
    value: '1|2',
    summary:
      'the protocol’s version, 2 if not given; 1 is for the published program, and someone in the middle can read what a client sends',
    read: protocolVersion,
    completes: ['1', '2'],
  },
  'allow-truncation': {
    summary:
      'in version 1, takes a plain close for the end: the published program sends no other, and data may have been cut off',
  },
} as const

export interface ProtocolValues {
  protocol: 1 | 2 | undefined
  'allow-truncation': boolean
}

export interface Protocol {
  version: 1 | 2
  allowTruncation: boolean
}

/** @param ofAddress the version that an address asks for @throws Failure of usage where it all does not agree */
export function protocolOf(values: ProtocolValues, ofAddress?: 1 | 2): Protocol {
  const { protocol, 'allow-truncation': allowTruncation } = values
  if (protocol !== undefined && ofAddress !== undefined && protocol !== ofAddress) {
    throw Failure.usage(`--protocol is ${protocol}, and the address asks for version ${ofAddress}`, 'give one of them')
  }
  const version = protocol ?? ofAddress ?? 2
  if (allowTruncation && version !== 1) {
    throw Failure.usage('--allow-truncation is for version 1', 'leave it out, or add --protocol 1')
  }
  return { version, allowTruncation }
}
