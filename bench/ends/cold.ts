// A process that starts, sends one byte through a channel, and gets it back.

const now = () => performance.timeOrigin + performance.now()
const [name = '', port, keys = ''] = process.argv.slice(2)

const { deserialize } = await import('node:v8')
const { loadContestant } = await import('../contestants/list.js')
const imported = now()
const contestant = await loadContestant(name)
const { Caller } = await import('./caller.js')
const caller = await Caller.open(contestant, deserialize(Buffer.from(keys, 'base64')), Number(port))
await caller.echo(1, 1)
console.log(JSON.stringify({ imported, done: now() }))
process.exit()
