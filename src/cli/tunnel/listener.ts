// Listening sockets: with limits on who may come in, and errors that say what to do.

import { unlinkSync } from 'node:fs'
import net from 'node:net'
import { Failure } from '../frame/failure.js'
import { type ListenPlace, placeText } from '../frame/place.js'

/** 0 is no limit. */
export interface Limits {
  connections: number
  perAddress: number
}

/** Counts connections by where they come from. */
export class Counter {
  readonly #limits: Limits
  readonly #byAddress = new Map<string, number>()
  #open = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** Takes a socket in until it closes; or says which limit it would exceed. */
  admit(socket: net.Socket): string | undefined {
    const { connections, perAddress } = this.#limits
    const address = socket.remoteAddress ?? 'unix'
    const here = this.#byAddress.get(address) ?? 0
    if (connections > 0 && this.#open >= connections) return `${connections} connections are open`
    if (perAddress > 0 && here >= perAddress) return `${perAddress} connections from ${address} are open`
    this.#open += 1
    this.#byAddress.set(address, here + 1)
    socket.once('close', () => this.#leave(address))
    return undefined
  }

  #leave(address: string): void {
    this.#open -= 1
    const left = (this.#byAddress.get(address) ?? 1) - 1
    if (left > 0) this.#byAddress.set(address, left)
    else this.#byAddress.delete(address)
  }
}

/** Resolves when it listens. @throws Failure where it cannot, with what to do */
export async function listenAt(server: net.Server, place: ListenPlace): Promise<void> {
  try {
    await listenOnce(server, place)
  } catch (error) {
    if (!('path' in place) || codeOf(error) !== 'EADDRINUSE' || (await answers(place.path))) throw refusal(error, place)
    // Left behind by a process that died.
    unlinkSync(place.path)
    await listenOnce(server, place).catch(again => {
      throw refusal(again, place)
    })
  }
}

/** Where a server listens, with the port that it was given. */
export function listeningText(server: net.Server): string {
  const address = server.address()
  if (typeof address === 'string' || address === null) return `unix:${address ?? ''}`
  return placeText({ host: address.address, port: address.port })
}

/** `address:port` of the other end, or `unix`. */
export function remoteText({ remoteAddress, remotePort }: Pick<net.Socket, 'remoteAddress' | 'remotePort'>): string {
  return remoteAddress === undefined ? 'unix' : placeText({ host: remoteAddress, port: remotePort ?? 0 })
}

function listenOnce(server: net.Server, place: ListenPlace): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen('port' in place ? { ...place, backlog: BACKLOG } : place, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function answers(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = net.connect(path)
    probe.once('connect', () => resolve(true))
    probe.once('error', error => resolve(codeOf(error) !== 'ECONNREFUSED'))
    probe.once('connect', () => probe.destroy())
  })
}

function refusal(error: unknown, place: ListenPlace): Failure {
  const text = placeText(place)
  const hint = HINTS[codeOf(error)] ?? ''
  if (codeOf(error) === 'EADDRINUSE') return new Failure(`${text} is in use`, hint)
  return new Failure(`cannot listen on ${text}: ${(error as Error).message}`, hint)
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? ''
}

const BACKLOG = 1024
const HINTS: Record<string, string> = {
  EADDRINUSE: 'another program listens there; stop it, or take another address',
  EACCES: 'ports below 1024 and some paths need more rights; take another address',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'the name is not known; check its spelling',
}
