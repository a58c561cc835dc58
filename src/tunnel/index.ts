// nopki/tunnel in Node: the command’s tunnels in a program, for clients and services that cannot be given a socket.

export { type ExposeOptions, expose } from './expose.js'
export { type ForwardOptions, forward } from './forward.js'
export type { ExposeListener, TunnelListener } from './listener.js'
export type { PlainPlace } from './patience.js'
export type { TunnelEntry } from './tunnel.js'
