import type net from 'node:net'
import { type Patience, reachPlain } from '../../tunnel/patience.js'
import { Failure } from '../frame/failure.js'
import { type Place, placeText } from '../frame/place.js'

/** @throws Failure where it cannot be reached within the time */
export function connectPlain(place: Place, patience: Patience): Promise<net.Socket> {
  return reachPlain(place, patience).catch(error => {
    const { message, hint } = Failure.of(error)
    throw new Failure(`${placeText(place)} cannot be reached: ${message}`, hint)
  })
}
