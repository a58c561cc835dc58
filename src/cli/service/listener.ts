// Listening sockets: with errors that say what to do.

import { existsSync } from 'node:fs'
import type net from 'node:net'
import { dirname } from 'node:path'
import { MOST_WAITING, takeWaiting } from '../../tunnel/listener.js'
import { Failure } from '../frame/failure.js'
import { log } from '../frame/output.js'
import { type ListenPlace, placeText } from '../frame/place.js'
import { missingZone } from '../frame/zones.js'
import { claimPath } from './unix-path.js'

export interface Listening {
  /** Where, with the port that it was given. */
  where: string
  /** Takes those who have connected by now, and wait in the system: closing would reset them. */
  takeWaiting(): Promise<void>
  /** Takes no more connections, and gives back the path of a Unix socket. */
  close(): void
}

/** Resolves when it listens. @throws Failure where it cannot, with what to do */
export async function listenAt(server: net.Server, place: ListenPlace): Promise<Listening> {
  const waiting = { takeWaiting: () => takeWaiting(server) }
  try {
    if (!('path' in place)) {
      await listenOnce(server, 'port' in place ? { ...place, backlog: MOST_WAITING } : place)
      return { ...waiting, where: listeningText(server), close: () => void server.close() }
    }
    const release = await claimPath(place.path, path => listenOnce(server, { path, backlog: MOST_WAITING }))
    const close = () => {
      server.close()
      try {
        release()
      } catch (error) {
        log.warn(`${placeText(place)} could not be removed: ${(error as Error).message}`)
      }
    }
    return { ...waiting, where: placeText(place), close }
  } catch (error) {
    if (server.listening) server.close()
    throw error instanceof Failure ? error : refusal(error, place)
  }
}

/** Whether somebody else listens there. */
export function isInUse(error: unknown): error is Failure {
  return error instanceof Failure && error.message.endsWith(IN_USE)
}

function listeningText(server: net.Server): string {
  const address = server.address()
  if (typeof address === 'string' || address === null) return `unix:${address ?? ''}`
  return placeText({ host: address.address, port: address.port })
}

function listenOnce(server: net.Server, options: net.ListenOptions | { fd: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(options, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function refusal(error: unknown, place: ListenPlace): Failure {
  const text = placeText(place)
  const { code = '', message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return new Failure(text + IN_USE, HINTS.EADDRINUSE)
  const zone = missingZone(error)
  if (zone) return new Failure(`cannot listen on ${text}: ${zone.reason}`, zone.hint)
  if (!('path' in place)) return new Failure(`cannot listen on ${text}: ${message}`, HINTS[code])
  const folder = dirname(place.path)
  // For a folder that does not exist Node says that it is a permission which is missing.
  if (!existsSync(folder))
    return new Failure(`cannot listen on ${text}: the folder ${folder} does not exist`, 'make it, or take another path')
  return new Failure(
    `cannot listen on ${text}: ${message}`,
    code === 'EACCES' ? `who runs this may not write in ${folder}` : '',
  )
}

const IN_USE = ' is in use'
const HINTS: Record<string, string> = {
  EADDRINUSE: 'another program listens there; stop it, or take another address',
  EACCES: 'ports below 1024 need more rights; take another port',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'the name is not known; check its spelling',
}
