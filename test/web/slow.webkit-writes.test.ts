import { testSlowReader } from '../runtimes/slow.js'

testSlowReader('webkit', 'webkit')
