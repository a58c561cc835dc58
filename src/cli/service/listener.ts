// Listening sockets: with limits on who may come in, and errors that say what to do.

import { existsSync } from 'node:fs'
import type net from 'node:net'
import { dirname } from 'node:path'
import { addressGroup } from '../../node/pending.js'
import { Failure } from '../frame/failure.js'
import { log } from '../frame/output.js'
import { type ListenPlace, placeText, plainAddress } from '../frame/place.js'
import { claimPath } from './unix-path.js'

/** 0 is no limit. */
export interface Limits {
  connections: number
  perAddress: number
}

/** A socket, or a channel. */
type Connected = Pick<net.Socket, 'remoteAddress'> & { once(event: 'close', listener: () => void): unknown }

/** Counts connections that were let in by where they come from: those that wait for it are counted as pending. */
export class Counter {
  readonly #limits: Limits
  readonly #byAddress = new Map<string, number>()
  #open = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** Which limit one connection more would exceed. */
  refusal({ remoteAddress }: Connected): string | undefined {
    const { connections, perAddress } = this.#limits
    if (connections > 0 && this.#open >= connections) return `${connections} connections are open`
    const address = placeOf(remoteAddress)
    if (perAddress === 0 || (this.#byAddress.get(address) ?? 0) < perAddress) return undefined
    return `${perAddress} connections from ${address} are open`
  }

  /** Takes a connection in until it closes; or says which limit it would exceed. */
  admit(socket: Connected): string | undefined {
    const refusal = this.refusal(socket)
    if (refusal !== undefined) return refusal
    const address = placeOf(socket.remoteAddress)
    this.#open += 1
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + 1)
    socket.once('close', () => this.#leave(address))
    return undefined
  }

  /** That there is room for nobody more; empty where there is. */
  get trouble(): string {
    const { connections } = this.#limits
    return connections > 0 && this.#open >= connections
      ? `${connections} connections are open, and no more are taken`
      : ''
  }

  #leave(address: string): void {
    this.#open -= 1
    const left = (this.#byAddress.get(address) ?? 1) - 1
    if (left > 0) this.#byAddress.set(address, left)
    else this.#byAddress.delete(address)
  }
}

function placeOf(remoteAddress: string | undefined): string {
  return remoteAddress === undefined ? 'unix' : addressGroup(remoteAddress)
}

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
      await listenOnce(server, 'port' in place ? { ...place, backlog: BACKLOG } : place)
      return { ...waiting, where: listeningText(server), close: () => void server.close() }
    }
    const release = await claimPath(place.path, path => listenOnce(server, { path, backlog: BACKLOG }))
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

/** Node takes one in a turn of its loop: the first turn without one has taken the last. */
function takeWaiting(server: net.Server): Promise<void> {
  return new Promise(resolve => {
    let came = true
    let turns = 0
    const onConnection = () => {
      came = true
    }
    const turn = () => {
      if (came && ++turns <= BACKLOG) {
        came = false
        setImmediate(turn)
      } else {
        server.off('connection', onConnection)
        resolve()
      }
    }
    server.on('connection', onConnection)
    // The first comes within this turn of the loop.
    setImmediate(turn)
  })
}

function listeningText(server: net.Server): string {
  const address = server.address()
  if (typeof address === 'string' || address === null) return `unix:${address ?? ''}`
  return placeText({ host: address.address, port: address.port })
}

/** `address:port` of the other end, or `unix`. */
export function remoteText({ remoteAddress, remotePort }: Pick<net.Socket, 'remoteAddress' | 'remotePort'>): string {
  if (remoteAddress === undefined) return 'unix'
  return placeText({ host: plainAddress(remoteAddress), port: remotePort ?? 0 })
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

const BACKLOG = 1024
const IN_USE = ' is in use'
const HINTS: Record<string, string> = {
  EADDRINUSE: 'another program listens there; stop it, or take another address',
  EACCES: 'ports below 1024 need more rights; take another port',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'the name is not known; check its spelling',
}
