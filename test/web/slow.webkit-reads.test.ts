import { testSlowReader } from '../runtimes/slow.js'

testSlowReader('webkit', 'node')
