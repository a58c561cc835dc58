// The page's conversation, in Node: that its values are the engines', that secrets are wiped, and what becomes of it when it is broken.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fields } from '../../src/inspect/index.js'
import type { Break } from '../../src/page/run/break.js'
import { graphOf } from '../../src/page/run/graph.js'
import { leavesOf, openBox } from '../../src/page/run/look.js'
import { mapsOf } from '../../src/page/run/maps.js'
import { find, snapshots } from '../../src/page/run/memory.js'
import type { Story, StoryOptions } from '../../src/page/run/story.js'
import { tell } from '../../src/page/run/tell.js'
import { compiled } from '../../src/wasm/instance.js'
import { openFrom, sodium } from '../peer/primitives.js'
import { changedCore, wasm } from '../support/engines.js'

await sodium.ready
const BASE: StoryOptions = { version: 2, seed: 'test', text: 'hello over a channel', padding: 'none', middlebox: false }
const VERSIONS = [1, 2] as const
const module = compiled(wasm)

function story(options: Partial<StoryOptions> = {}): Story {
  return tell(module, { ...BASE, ...options })
}

function momentOf(told: Story, id: string) {
  const found = told.moments.find(it => it.id === id)
  if (!found) throw new Error(`there is no moment ${id}`)
  return found
}

/** What a region of an end's memory held, at a moment. */
function regionOf(told: Story, id: string, region: string): Uint8Array {
  const at = told.moments.indexOf(momentOf(told, id))
  const [role] = region.split('.') as ['client' | 'server']
  const found = mapsOf(told)[role][at]?.find(it => it.id === region)
  if (!found) throw new Error(`there is no region ${region} at ${id}`)
  return found.bytes
}

for (const version of VERSIONS) {
  for (const middlebox of [false, true]) {
    const name = `version ${version}${middlebox ? ', behind a middlebox' : ''}`

    test(`${name}: every step has a name of its own and words, and both ends hear each other`, () => {
      const told = story({ version, middlebox })
      assert.equal(told.failures, [])
      const ids = told.moments.map(it => it.id)
      assert.is(new Set(ids).size, ids.length, 'each once')
      for (const { id, words } of told.moments) {
        assert.ok(words.text.length > 20 && !id.endsWith(words.title), `${id}: ${words.title}`)
      }
      const heard = told.moments.flatMap(it => it.heard ?? []).join('\n')
      for (const said of ['“hello over a channel”', '“I have read both”', '“under a new key”', 'end', 'good night'])
        assert.ok(heard.includes(said), said)
      if (middlebox) assert.ok(heard.includes(Buffer.from(told.keys.server.publicKey).toString('hex')))
    })

    test(`${name}: both ends have the same values, and the last moment has all of the graph`, () => {
      const { client, server } = story({ version, middlebox }).moments.at(-1)!.values
      for (const [node, value] of client) {
        const other = server.get(node)
        // A middlebox's box key is no key of the server's.
        if (other && !(middlebox && node === 'hello-key')) assert.equal(value, other, node)
      }
      for (const { id } of graphOf(version).nodes) assert.ok(client.has(id) || server.has(id), id)
    })

    test(`${name}: long-term secrets are in memory within the handshake, and nowhere behind it`, () => {
      const told = story({ version, middlebox })
      const found = (id: string, role: 'client' | 'server') =>
        find(momentOf(told, id).memory[role], told.keys[role].secretKey).length
      assert.ok(found('client.hello-box', 'client') > 0)
      assert.ok(found('server.proof', 'server') > 0)
      const response = told.moments.findIndex(it => it.id === (version === 2 ? 'server.se' : 'server.stream-header'))
      for (const { id, memory } of told.moments.slice(response)) {
        for (const role of ['client', 'server'] as const) {
          assert.equal(find(memory[role], told.keys[role].secretKey), [], `${id}: the ${role}’s`)
          assert.equal(find(memory[role], told.keys[role === 'client' ? 'server' : 'client'].secretKey), [], id)
        }
      }
    })
  }

  test(`version ${version}: what is shown is what another implementation makes of the same secrets`, () => {
    const told = story({ version })
    const at = version === 2 ? 'client.kem-seed' : 'client.session-secret'
    const sessionSecret = regionOf(told, at, 'client.handshake.own session secret key')
    const [hello, challenge] = told.wire
    const values = told.moments.at(-1)!.values.client
    const serverSession = fields(challenge!.kind, challenge!.bytes).find(it => it.name === 'server session public key')!
    const product =
      version === 2
        ? sodium.crypto_scalarmult
        : (secret: Uint8Array, key: Uint8Array) => sodium.crypto_box_beforenm(key, secret)
    assert.equal(Buffer.from(values.get('ee')!), Buffer.from(product(sessionSecret, serverSession.bytes)))
    assert.equal(Buffer.from(values.get('es')!), Buffer.from(product(sessionSecret, told.keys.server.publicKey)))
    assert.equal(Buffer.from(values.get('se')!), Buffer.from(product(told.keys.client.secretKey, serverSession.bytes)))
    assert.equal(Buffer.from(values.get('client-session')!), Buffer.from(sodium.crypto_scalarmult_base(sessionSecret)))
    if (version === 1) {
      const box = hello!.bytes.slice(36)
      const opened = openFrom(box, values.get('client-session')!, told.keys.server.secretKey)
      assert.equal(Buffer.from(opened!), Buffer.from(told.keys.server.publicKey))
    }
  })

  test(`version ${version}: every box opens to what was sealed in it, under the key that is shown`, () => {
    const told = story({ version })
    const boxes = told.wire.flatMap(wire => {
      const names = [...new Set(leavesOf(wire).flatMap(it => (it.inside ? [] : (it.box ?? []))))]
      return names.map(name => ({ wire, name }))
    })
    assert.is(boxes.length, 5)
    for (const { wire, name } of boxes) {
      const opened = openBox(told, wire, name)
      assert.ok(opened?.key, name)
      const [data, mac, nonce] = leavesOf(wire)
        .filter(it => it.box === name)
        .map(it => it.field.bytes)
      const plaintext = sodium.crypto_secretbox_open_detached(data!, mac!, nonce!, opened!.key!)
      assert.equal(Buffer.from(plaintext), Buffer.from(opened!.plaintext), name)
    }
  })
}

test('a secret is red when it is there, and grey when it was wiped', () => {
  const told = story()
  const maps = mapsOf(told)
  const standing = (id: string, region: string) => {
    const at = told.moments.indexOf(momentOf(told, id))
    return maps.client[at]?.find(it => it.id === region)?.standing
  }
  assert.is(standing('client.session-secret', 'client.handshake.own session secret key'), 'secret')
  assert.is(standing('client.answer', 'client.handshake.own session secret key'), 'wiped')
  assert.is(standing('client.kem-seed', 'client.step.seed of an ML-KEM key, or coins'), 'secret')
  assert.is.not(standing('client.hello-box', 'client.step.seed of an ML-KEM key, or coins'), 'secret')
  assert.is(standing('client.answer', 'client.channel.record key, client to server'), 'secret')
})

test('plaintext is in the write window, and sealed in place', () => {
  const told = story()
  const text = Buffer.from(BASE.text)
  assert.is(find(momentOf(told, 'client.write.1').memory.client, text).length, 1)
  assert.equal(find(momentOf(told, 'client.seal.1').memory.client, text), [])
  assert.equal(find(momentOf(told, 'server.arrives.3').memory.server, text), [])
  assert.is(find(momentOf(told, 'server.open.3').memory.server, text).length, 1)
  assert.equal(find(told.moments.at(-1)!.memory.server, text), [])
})

test('a snapshot has all of the memory that is not zero', () => {
  const memory = new Uint8Array(4_194_304)
  const look = snapshots(() => memory)
  memory[3_000_001] = 7
  const first = look()
  assert.is(first.extent, 3_000_004)
  memory.set([1, 2, 3], 4094)
  memory[3_000_001] = 0
  memory[3_400_000] = 9
  const second = look()
  assert.equal([...second.bytes(4093, 5)], [0, 1, 2, 3, 0])
  assert.equal(find(second, Uint8Array.of(9)), [3_400_000])
  assert.equal([...first.bytes(4094, 3)], [0, 0, 0], 'what was seen stays')
  assert.equal(find(first, Uint8Array.of(7)), [3_000_001])
})

test('the same seed tells the same story; another seed, another; a changed core, another', () => {
  const wire = (told: Story) => told.wire.map(it => Buffer.from(it.bytes).toString('hex'))
  assert.equal(wire(story()), wire(story()))
  assert.not.equal(wire(story()), wire(story({ seed: 'other' })))
  const changed = tell(changedCore(wasm), BASE)
  assert.equal(changed.failures, [])
  assert.is(wire(changed)[0]!.slice(0, 72), wire(story())[0]!.slice(0, 72), 'random bytes stay')
  const value = (told: Story, node: string) => {
    const { client, server } = told.moments.at(-1)!.values
    return Buffer.from((client.get(node) ?? server.get(node))!).toString('hex')
  }
  for (const node of ['h0', 'ck1', 'h6', 'exporter']) assert.is.not(value(changed, node), value(story(), node), node)
  assert.is(value(changed, 'ee'), value(story(), 'ee'))
})

const BREAKS: [Break, string[]][] = [
  [{ kind: 'flip', message: 0, offset: 0, bit: 0 }, ['server PEER_VERSION', 'client LINK_CLOSED']],
  [{ kind: 'flip', message: 0, offset: 10, bit: 0 }, ['client PEER_KEY_UNREADABLE', 'server LINK_CLOSED']],
  [{ kind: 'flip', message: 0, offset: 1230, bit: 0 }, ['client PEER_KEY_UNREADABLE', 'server LINK_CLOSED']],
  [{ kind: 'flip', message: 1, offset: 50, bit: 0 }, ['client PEER_KEY_UNREADABLE', 'server LINK_CLOSED']],
  [{ kind: 'flip', message: 1, offset: 1200, bit: 0 }, ['client PEER_BAD_PROOF', 'server LINK_CLOSED']],
  [{ kind: 'flip', message: 2, offset: 5, bit: 0 }, ['server PEER_KEY_UNREADABLE', 'client LINK_TRUNCATED']],
  [{ kind: 'flip', message: 2, offset: 100, bit: 0 }, ['server PEER_BAD_PROOF', 'client LINK_TRUNCATED']],
  [{ kind: 'flip', message: 3, offset: 5, bit: 0 }, ['server PEER_BAD_RECORD', 'client LINK_TRUNCATED']],
  [{ kind: 'cut', message: 0, offset: 100 }, ['client LINK_CLOSED', 'server LINK_CLOSED']],
  [{ kind: 'cut', message: 3, offset: 9 }, ['client LINK_TRUNCATED', 'server LINK_TRUNCATED']],
  [{ kind: 'cut', message: 9, offset: 0 }, ['client LINK_TRUNCATED']],
  [{ kind: 'replay', message: 4 }, ['server PEER_BAD_RECORD', 'client LINK_TRUNCATED']],
  [{ kind: 'replay', message: 8 }, ['server PEER_AFTER_END', 'client LINK_TRUNCATED']],
  [{ kind: 'drop', message: 3 }, ['server PEER_BAD_RECORD', 'client LINK_TRUNCATED']],
  [{ kind: 'drop', message: 1 }, ['client LINK_CLOSED', 'server LINK_CLOSED']],
  [{ kind: 'swap', message: 3 }, ['server PEER_BAD_RECORD', 'client LINK_TRUNCATED']],
  [{ kind: 'server-key' }, ['client PEER_KEY_MISMATCH', 'server LINK_CLOSED']],
  [{ kind: 'context' }, ['client PEER_KEY_UNREADABLE', 'server LINK_CLOSED']],
]

for (const [broken, expected] of BREAKS) {
  test(`broken: ${JSON.stringify(broken)}`, () => {
    const told = story({ broken })
    assert.equal(
      told.failures.map(it => `${it.who} ${it.code}`),
      expected,
    )
    for (const it of told.failures) assert.ok(it.next.length > 10, 'what to do')
    const whole = story()
    const untouched = broken.kind === 'context' || broken.kind === 'server-key' ? 0 : broken.message
    for (const wire of told.wire.slice(0, untouched + 1)) {
      if (untouched > 0)
        assert.equal(wire.bytes, whole.wire[wire.index]?.bytes, 'the same bytes, up to where it breaks')
    }
  })
}

const BREAKS_1: [Break, string[]][] = [
  [{ kind: 'flip', message: 0, offset: 0, bit: 0 }, ['server PEER_VERSION', 'client LINK_CLOSED']],
  [{ kind: 'flip', message: 0, offset: 10, bit: 0 }, ['server PEER_NOT_ADDRESSED', 'client LINK_CLOSED']],
  [{ kind: 'flip', message: 1, offset: 5, bit: 0 }, ['client PEER_KEY_UNREADABLE', 'server LINK_CLOSED']],
  [{ kind: 'flip', message: 1, offset: 40, bit: 0 }, ['client PEER_KEY_UNREADABLE', 'server LINK_CLOSED']],
  [{ kind: 'flip', message: 1, offset: 120, bit: 0 }, ['client PEER_BAD_PROOF', 'server LINK_CLOSED']],
  [{ kind: 'flip', message: 2, offset: 5, bit: 0 }, ['server PEER_KEY_UNREADABLE']],
  [{ kind: 'flip', message: 2, offset: 100, bit: 0 }, ['server PEER_BAD_PROOF']],
  [{ kind: 'flip', message: 3, offset: 5, bit: 0 }, ['server PEER_BAD_RECORD', 'client LINK_TRUNCATED']],
  [{ kind: 'flip', message: 5, offset: 5, bit: 0 }, ['server PEER_BAD_RECORD', 'client LINK_TRUNCATED']],
  [{ kind: 'cut', message: 5, offset: 9 }, ['client LINK_TRUNCATED', 'server LINK_TRUNCATED']],
  [{ kind: 'replay', message: 5 }, ['server PEER_BAD_RECORD', 'client LINK_TRUNCATED']],
  [{ kind: 'drop', message: 5 }, ['server PEER_BAD_RECORD', 'client LINK_TRUNCATED']],
  [{ kind: 'swap', message: 5 }, ['server PEER_BAD_RECORD', 'client LINK_TRUNCATED']],
  [{ kind: 'server-key' }, ['server PEER_NOT_ADDRESSED', 'client LINK_CLOSED']],
  [{ kind: 'context' }, ['client USE_BAD_OPTION']],
]

for (const [broken, expected] of BREAKS_1) {
  test(`version 1, broken: ${JSON.stringify(broken)}`, () => {
    const told = story({ version: 1, broken })
    assert.equal(
      told.failures.map(it => `${it.who} ${it.code}`),
      expected,
    )
    assert.is(
      told.moments.some(it => it.failure),
      expected.length > 0,
    )
    for (const it of told.failures) assert.ok(it.next.length > 10, 'what to do')
    for (const { client, server } of [mapsOf(told)]) assert.is(client.length, server.length)
  })
}

test('no byte of a handshake can be changed unnoticed, nor one of a record', () => {
  const whole = story()
  for (const wire of whole.wire) {
    for (const leaf of leavesOf(wire).filter(it => !it.inside)) {
      const broken: Break = { kind: 'flip', message: wire.index, offset: leaf.field.offset, bit: 0 }
      const { failures } = story({ broken })
      assert.ok(failures.length > 0, `message ${wire.index}, ${leaf.path}`)
      const [first] = failures
      if (first?.message !== undefined) assert.ok((first.offset ?? -1) >= 0)
    }
  }
})

test('padding hides the length: with all of one length, what is said does not show in it', () => {
  const lengths = (options: Partial<StoryOptions>) =>
    story(options)
      .wire.filter(it => it.kind === 'record2')
      .map(it => it.bytes.length)
  assert.not.equal(lengths({ text: 'a' }), lengths({ text: 'a longer text' }))
  assert.equal(lengths({ text: 'a', padding: 'full' }), lengths({ text: 'a longer text', padding: 'full' }))
  for (const length of lengths({ padding: 'block' })) assert.is(length % 128, 0)
})

test('text of any length and kind is carried', () => {
  for (const text of ['', 'ä😀', 'x'.repeat(2000)]) assert.equal(story({ text }).failures, [], text.slice(0, 9))
})

test.run()
