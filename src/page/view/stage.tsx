// The conversation, step by step: three lanes, the key schedule, the search, and what is looked at.

import { useLayoutEffect, useMemo, useState } from 'preact/hooks'
import type { Place as Linked } from '../run/link.js'
import { type Leaf, leavesOf, openBox } from '../run/look.js'
import { mapsOf, type Place } from '../run/maps.js'
import { find } from '../run/memory.js'
import type { Moment, Story, Wire } from '../run/story.js'
import { Breaks } from './breaks.js'
import { lookedAt } from './capture.js'
import { Inspector, type Looked, type Whereabouts } from './inspector.js'
import { MemoryLane } from './lanes.js'
import { MessageView, type Shown } from './message.js'
import { usePlaying } from './playing.js'
import { Schedule } from './schedule.js'
import { regionAt, Search } from './search.js'
import { Settings } from './settings.js'
import { Track } from './track.js'
import { Transport } from './transport.js'

interface Props {
  story: Story
  whole: Story
  place: Linked
  move(change: Partial<Linked>): void
}

export function Stage({ story, whole, place, move }: Props) {
  const { moments, wire } = story
  const { tab, view, field } = place
  const found = moments.findIndex(it => it.id === place.step)
  const failed = moments.findIndex(it => it.failure)
  const at = found >= 0 ? found : tab === 'break' && failed >= 0 ? failed : 0
  const moment = moments[at]
  const maps = useMemo(() => mapsOf(story), [story])
  const [lane, setLane] = useState('wire')
  const [peeked, setPeeked] = useState<Looked | undefined>(undefined)
  const go = (step: number) => {
    const to = moments[Math.min(Math.max(0, step), moments.length - 1)]
    setPeeked(undefined)
    move({ step: to?.id ?? '' })
  }
  const [playing, play] = usePlaying(at, moments.length, PACE_MS, go)
  useKeys(at, go, play, playing)
  if (!moment) return null
  const places = { client: maps.client[at] ?? [], server: maps.server[at] ?? [] }
  const looked = peeked ?? lookUp(field, story, at, places)
  const whereabouts = looked && view === 'all' ? whereIs(looked, story, at, places) : []
  const joined = new Set(
    whereabouts.flatMap(it => it.places.flatMap(({ region }) => (region ? [(region as Place).id] : []))),
  )
  const fieldOf = (leaf: Leaf, message: Shown) => lookedAt(`wire.${message.index}.`, leaf, message)
  const show = (it: Looked) => {
    setPeeked(undefined)
    move({ field: it.id })
  }
  const memory = (role: 'client' | 'server') => (
    <MemoryLane
      role={role}
      places={places[role]}
      hidden={view !== 'all'}
      joined={joined}
      current={field}
      look={it => show(placeLooked(it))}
      peek={it => setPeeked(it && placeLooked(it))}
    />
  )
  return (
    <>
      {tab === 'break' ? (
        <Breaks
          story={story}
          whole={whole}
          broken={place.broken}
          choose={it => move({ broken: it, step: '', field: '' })}
        />
      ) : null}
      <Settings place={place} move={move} />
      <Transport moments={moments} at={at} playing={playing} go={go} play={play} />
      <Track
        moment={moment}
        wire={wire[moment.message ?? -1]}
        next={wire[moment.sent]}
        ready={isReady(moment, places)}
      />
      <fieldset class="lane-switch">
        <legend class="unseen">which lane is shown</legend>
        {['client', 'wire', 'server'].map(it => (
          <button type="button" key={it} aria-pressed={lane === it} onClick={() => setLane(it)}>
            {it}
          </button>
        ))}
      </fieldset>
      <div class={`lanes shows-${lane}`}>
        {memory('client')}
        <section class="lane wire" aria-label="the wire">
          <header>
            <h2>Wire</h2>
            <p class="tally">{VIEWS[view]}</p>
          </header>
          {moment.sent === 0 ? <p class="curtain">Nothing has been sent yet.</p> : null}
          {wire
            .slice(0, moment.sent)
            .toReversed()
            .map((it, index) => (
              <MessageView
                key={it.index}
                message={it}
                open={index === 0 || it.index === moment.message}
                current={field.startsWith(`wire.${it.index}.`) ? field.slice(`wire.${it.index}.`.length) : undefined}
                look={(leaf, message) => show(fieldOf(leaf, message))}
                peek={(leaf, message) => setPeeked(leaf && fieldOf(leaf, message))}
                boxes={it.kind.startsWith('record') ? undefined : name => boxFor(view, story, it, name)}
                opened={view === 'all'}
                marks={changedBytes(it, story)}
                note={NOTES[it.fate]}
              />
            ))}
        </section>
        {memory('server')}
      </div>
      {view === 'all' ? (
        <>
          <Schedule
            version={story.options.version}
            moment={moment}
            current={field}
            look={(node, bytes) =>
              show({
                id: `node.${node.id}`,
                title: node.label,
                hue: 'key',
                bytes,
                text: node.text,
                section: node.id.startsWith('k') || node.id.startsWith('c') ? 'Version 2' : undefined,
              })
            }
          />
          <Search story={story} moment={moment} places={places} />
        </>
      ) : null}
      <Inspector looked={looked} whereabouts={whereabouts} close={() => move({ field: '' })} />
    </>
  )
}

/** Whether a message lies in the window of the end that is at work. */
function isReady({ who }: Moment, places: Record<'client' | 'server', readonly Place[]>): boolean {
  if (who !== 'client' && who !== 'server') return false
  return places[who].some(it => it.part === 'send buffer' && it.name === 'send window' && it.standing === 'plain')
}

/** An observer has no key; a middlebox that of one box. */
function boxFor(view: Linked['view'], story: Story, wire: Wire, name: string) {
  if (view === 'observer' || (view === 'middlebox' && name !== 'expected server key')) return undefined
  return openBox(story, wire, name)
}

function placeLooked(it: Place): Looked {
  const text = it.secret
    ? 'A secret: who learns it learns a key or what was said.'
    : 'No secret: it crosses the wire, or says how things stand.'
  const standing = STANDINGS[it.standing]
  return {
    id: it.id,
    title: `${it.part}: ${it.name}`,
    hue: it.secret ? 'secret' : 'key',
    bytes: it.bytes,
    text: `${text} ${standing}`,
    offset: it.pointer,
  }
}

/** What a link points to, at this step. */
function lookUp(
  id: string,
  story: Story,
  at: number,
  places: Record<'client' | 'server', readonly Place[]>,
): Looked | undefined {
  const [kind = '', number = ''] = id.split('.')
  if (kind === 'wire') {
    const message = story.wire[Number(number)]
    const leaf = message && leavesOf(message).find(it => `wire.${number}.${it.path}` === id)
    return leaf && message ? lookedAt(`wire.${number}.`, leaf, message) : undefined
  }
  if (kind === 'client' || kind === 'server') {
    const place = places[kind].find(it => it.id === id)
    return place && placeLooked(place)
  }
  const moment = story.moments[at]
  const bytes = moment?.values.client.get(number) ?? moment?.values.server.get(number)
  return kind === 'node' && bytes
    ? { id, title: number, hue: 'key', bytes, text: 'A value of the key schedule, as it lies in memory.' }
    : undefined
}

/** Where the same bytes lie in both memories now. */
function whereIs(
  { bytes }: Looked,
  story: Story,
  at: number,
  places: Record<'client' | 'server', readonly Place[]>,
): Whereabouts[] {
  const moment = story.moments[at]
  if (!moment || bytes.length < 4 || bytes.every(it => it === 0)) return []
  return (['client', 'server'] as const).map(role => ({
    role,
    places: find(moment.memory[role], bytes, 4).map(pointer => ({ pointer, region: regionAt(places[role], pointer) })),
  }))
}

/** The byte that was changed on its way, or the one behind which it was cut. */
function changedBytes(wire: Wire, { options: { broken } }: Story): ReadonlySet<number> | undefined {
  if (!broken || !('offset' in broken) || broken.message !== wire.index) return undefined
  return new Set([broken.offset])
}

/** Arrows step, space plays, where nothing else wants them. */
function useKeys(at: number, go: (step: number) => void, play: (on: boolean) => void, playing: boolean): void {
  // At once, not after the next frame: what has been drawn can be used.
  useLayoutEffect(() => {
    const press = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement
      if (event.ctrlKey || event.metaKey || event.altKey || target.matches('input, textarea, select, [tabindex="0"]'))
        return
      if (event.key === 'ArrowRight') go(at + 1)
      else if (event.key === 'ArrowLeft') go(at - 1)
      else if (event.key === ' ' && !target.matches('button')) {
        event.preventDefault()
        play(!playing)
      }
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  })
}

const VIEWS = { all: 'all is shown', observer: 'as an observer sees it', middlebox: 'as the middlebox sees it' }
const NOTES: Record<Wire['fate'], string | undefined> = {
  whole: undefined,
  flipped: 'One bit of it is flipped on its way: the marked byte arrives changed.',
  cut: 'The connection is cut ahead of the marked byte.',
  twice: 'It arrives twice.',
  dropped: 'It never arrives.',
  late: 'It arrives behind the next one.',
}
const STANDINGS: Record<Place['standing'], string> = {
  secret: 'It is there now.',
  plain: 'It is there now.',
  wiped: 'It was wiped: these bytes are zero.',
  reused: 'It was wiped and given back, and the memory has been used again since.',
  empty: 'Nothing has been there yet.',
}
const PACE_MS = 3200
