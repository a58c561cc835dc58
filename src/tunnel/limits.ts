// How many connections may be open.

import type net from 'node:net'
import { addressGroup } from '../node/pending.js'

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
