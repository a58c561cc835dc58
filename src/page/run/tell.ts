// A story is told: two real engines talk to each other, from their start to their end, or to where it breaks.

import type { WasmModule } from '../../wasm/instance.js'
import { Notes } from './notes.js'
import { type Parties, partiesOf, startClient, startServer } from './parties.js'
import { type Speech, speak, speeches, whatIs } from './speech.js'
import type { Story, StoryOptions } from './story.js'
import { Way } from './way.js'
import { recordWords } from './words.js'

export function tell(module: WasmModule, options: StoryOptions): Story {
  const parties = partiesOf(module, options)
  const notes = new Notes(options, parties.ends)
  const way = new Way(options, parties, notes)
  const keyLines: string[] = []
  if (begin(options, parties, notes, way, keyLines)) {
    way.carry({ what: 'it', detailed: false, chapter: 'records' })
    for (const [index, speech] of speeches(options).entries()) {
      if (goesOn(parties, notes, way)) say(speech, index + 1, parties, notes, way)
    }
    close(parties, notes)
  }
  way.close()
  const { moments, wire, failures } = notes
  return { options, moments, wire, failures, keys: parties.keys, keyLines }
}

/**
 * Both ends begin. False: the client cannot, with these options, and connects to nobody.
 *
 * @param keyLines gets what the client gives to `onKeys`
 */
function begin(options: StoryOptions, parties: Parties, notes: Notes, way: Way, keyLines: string[]): boolean {
  notes.addPieces('server', startServer(parties, options), () => 'start', 'start')
  const calling = startClient(parties, options, line => {
    keyLines.push(line)
    way.learnKey(line)
  })
  if (calling.error) notes.fail('client', calling.error)
  else notes.addPieces('client', calling, call => (call ? parties.names.client(call) : 'start'), 'hello')
  return !calling.error
}

function goesOn({ ends: { client, server } }: Parties, { failures }: Notes, way: Way): boolean {
  return client.engine.connected && server.engine.connected && !way.closed && failures.length === 0
}

/** An end says something, and it is carried to the other. The first time, it is told piece by piece. */
function say(speech: Speech, number: number, { ends }: Parties, notes: Notes, way: Way): void {
  const { role } = speech
  const { engine } = ends[role]
  if (engine.writeEnded) return
  const what = whatIs(speech, number)
  const watched = ends[role].watch(() => speak(engine, speech))
  if (watched.error) return notes.fail(role, watched.error)
  const chapter = speech.what === 'end' || speech.what === 'alert' ? 'end' : 'records'
  const detailed = number === 1
  for (const [index, { memory, within }] of watched.pieces.entries()) {
    const last = index === watched.pieces.length - 1
    if (!detailed && !last) continue
    const act = last ? 'seal' : 'write'
    notes.add(`${role}.${act}.${number}`, chapter, role, recordWords(role, act, what), { memory, within })
  }
  way.carry({ what, detailed, chapter })
}

/** The connection closes: who has not heard the other's end knows that something is missing. */
function close({ ends }: Parties, notes: Notes): void {
  for (const role of ['client', 'server'] as const) {
    const { engine } = ends[role]
    if (engine.readEnded || notes.failures.some(it => it.who === role)) continue
    engine.receiveEnd(true)
    const { error } = ends[role].watch(() => engine.advance())
    if (error) notes.fail(role, error)
  }
}
