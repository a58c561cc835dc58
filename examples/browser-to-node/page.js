// The page’s end: sends what is typed, and shows what comes back.

import { connectWebSocket, decodePublicKey } from 'nopki'

const serverKey = decodePublicKey(document.querySelector('script[data-server-key]').dataset.serverKey)
const input = document.querySelector('#text')
const output = document.querySelector('#answer')

const channel = await connectWebSocket(`ws://${location.host}/`, { serverKey })
const send = () => channel.send(new TextEncoder().encode(input.value))
input.addEventListener('input', send)
await send()
for await (const message of channel.messages()) output.value = new TextDecoder().decode(message)
