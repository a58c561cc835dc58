import { expect, test } from 'vitest'
import { talk } from './page.js'
import { talkOverTcp } from './sockets.js'

test('streams', async () => expect(await talk()).toBe('hello from a page'))
test('sockets', async () => expect(await talkOverTcp()).toBe('hello over TCP'))
