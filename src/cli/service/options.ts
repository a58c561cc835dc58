// The options that the commands which serve have in common.

import type { Limits } from '../../tunnel/limits.js'
import { MAX_CONNECTIONS } from '../../tunnel/options.js'
import { parsePlainListen } from '../frame/place.js'
import { duration, integer } from '../frame/values.js'
import type { ServiceOptions } from './service.js'

export const limitOptions = {
  'max-connections': {
    value: 'N',
    summary: 'how many connections may be open at once, without those that are not let in yet; 0 is no limit',
    default: String(MAX_CONNECTIONS),
    read: integer(0, 1_000_000),
  },
  'max-per-address': {
    value: 'N',
    summary: 'how many of them from one address, or IPv6 network of 64 bits; 0 is no limit',
    default: '0',
    read: integer(0, 1_000_000),
  },
} as const

/** How long a client may take to be let in, and how many may be about it at once. */
export const pendingOptions = {
  'handshake-timeout': {
    value: 'TIME',
    summary: 'how long a client may take to say whom it wants, and to prove who it is; 0 is no limit',
    default: '10s',
    read: duration,
  },
  'max-pending': {
    value: 'N',
    summary: 'how many clients may be about it at once; one more drops the oldest that has not said whom it wants',
    default: '1024',
    read: integer(1, 1_000_000),
  },
  'max-pending-per-address': {
    value: 'N',
    summary:
      'how many of them are the share of one address, or IPv6 network, when there are too many (default a quarter)',
    read: integer(1, 1_000_000),
  },
} as const

export const aliveOption = {
  heartbeat: {
    value: 'TIME',
    summary:
      'sends something over a channel at least so often, and ends it when a peer that does so too is silent three times as long; 0 is never',
    default: '10s',
    read: duration,
  },
} as const

export const serviceOptions = {
  ...limitOptions,
  'max-lifetime': {
    value: 'TIME',
    summary: 'ends a connection that has been open for so long; 0 is no limit',
    default: '0',
    read: duration,
  },
  'tcp-keep-alive': {
    value: 'TIME',
    summary: 'has the system look whether the other end of an idle TCP connection is still there; 0 is never',
    default: '60s',
    read: duration,
  },
  'access-log': {
    value: 'FILE',
    summary: 'appends a line of JSON for every connection, - to standard error; SIGHUP opens the file anew',
    completes: 'file',
    writes: true,
  },
  metrics: {
    value: 'LISTEN',
    summary:
      'serves /metrics, for Prometheus, and /health on a port of the loopback or on unix:PATH; needs the package prom-client',
    read: (text: string, name: string) => parsePlainListen(text, name),
  },
  'drain-timeout': {
    value: 'TIME',
    summary: 'how long open connections may go on after SIGTERM, before they are told to end',
    default: '30s',
    read: duration,
  },
} as const

export const backendOptions = {
  'connect-timeout': {
    value: 'TIME',
    summary: 'for one attempt to connect to where the bytes go',
    default: '10s',
    read: duration,
  },
  retry: {
    value: 'TIME',
    summary: 'how long to try again where it refuses, as while it is being restarted; 0 is once',
    default: '5s',
    read: duration,
  },
} as const

interface ServiceValues {
  'max-connections': number
  'max-per-address': number
  'access-log': string | undefined
  metrics: ServiceOptions['metrics']
  'drain-timeout': number
}

interface PendingValues {
  'handshake-timeout': number
  'max-pending': number
  'max-pending-per-address': number | undefined
}

/** As createServer takes them. */
export interface PendingOptions {
  handshakeTimeout: number
  maxPendingHandshakes: number
  maxPendingPerAddress?: number
}

export function pendingOf(values: PendingValues): PendingOptions {
  const share = values['max-pending-per-address']
  return {
    handshakeTimeout: values['handshake-timeout'],
    maxPendingHandshakes: values['max-pending'],
    ...(share !== undefined && { maxPendingPerAddress: share }),
  }
}

export function limitsOf(values: Pick<ServiceValues, 'max-connections' | 'max-per-address'>): Limits {
  return { connections: values['max-connections'], perAddress: values['max-per-address'] }
}

export function serviceOptionsOf(values: ServiceValues): ServiceOptions {
  return { accessLog: values['access-log'], metrics: values.metrics, drainTimeout: values['drain-timeout'] }
}
