// The way from window to wire to window, with the bytes that are on it.

import { leavesOf } from '../run/look.js'
import type { Moment, Wire } from '../run/story.js'
import { count } from './bytes.js'
import { Strip, TITLES } from './message.js'

interface Props {
  moment: Moment
  /** The message that the moment is about, and the one that is sent next. */
  wire: Wire | undefined
  next: Wire | undefined
  /** Whether the sender's window has the next one already. */
  ready: boolean
}

export function Track({ moment, wire, next, ready }: Props) {
  const message = ready ? next : wire
  const station = moment.who === 'wire' || moment.who === 'middle' ? 'middle' : SIDES[moment.who]
  return (
    <div class="track" aria-hidden="true">
      <span class="stop left">client’s window</span>
      <span class="stop middle">the wire</span>
      <span class="stop right">server’s window</span>
      {message ? (
        <div class={`packet at-${station}`} key="packet">
          <b>{TITLES[message.kind]}</b> {count(message.bytes.length)}
          <Strip leaves={leavesOf({ kind: message.kind, bytes: message.bytes })} />
        </div>
      ) : null}
    </div>
  )
}

const SIDES = { client: 'left', server: 'right' }
