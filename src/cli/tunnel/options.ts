// The options that the commands which serve have in common.

import { parsePlainListen } from '../frame/place.js'
import { duration, integer } from '../frame/values.js'
import type { Limits } from './listener.js'
import type { ServiceOptions } from './service.js'

export const limitOptions = {
  'max-connections': {
    value: 'N',
    summary: 'how many connections may be open at once; 0 is no limit',
    default: '4096',
    read: integer(0, 1_000_000),
  },
  'max-per-address': {
    value: 'N',
    summary: 'how many of them from one address; 0 is no limit',
    default: '0',
    read: integer(0, 1_000_000),
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
  },
  metrics: {
    value: 'LISTEN',
    summary: 'serves /metrics, for Prometheus, and /health on a port of the loopback or on unix:PATH',
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

export function limitsOf(values: Pick<ServiceValues, 'max-connections' | 'max-per-address'>): Limits {
  return { connections: values['max-connections'], perAddress: values['max-per-address'] }
}

export function serviceOptionsOf(values: ServiceValues): ServiceOptions {
  return { accessLog: values['access-log'], metrics: values.metrics, drainTimeout: values['drain-timeout'] }
}
