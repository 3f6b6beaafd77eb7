// store.js - the known state of the guest, from /events; parts of the page subscribe to it.
import { follow, get } from './api.js'

export const store = {
  status: null, // the document of `vm status --json`
  at: 0, // performance.now() at its arrival
  connected: false,
  retry: 0, // seconds until the next attempt
  settings: new Map(),
  browsers: 0, // browsers at the console, including this one
  boots: [], // of events.jsonl: {time, phases: [{name, at, kind}], ready, exit}
}

const target = new EventTarget()

// KIND: status, boots, connection, settings, log, profile, or the name of an event.
export function watch(kinds, f) {
  for (const kind of kinds.split(' ')) target.addEventListener(kind, e => f(e.detail))
}

function tell(kind, detail) {
  target.dispatchEvent(new CustomEvent(kind, { detail }))
}

const BOOTS = 30

function boot(name, e) {
  const b = store.boots.at(-1)
  if (name === 'spawn') {
    store.boots.push({ time: e.time, phases: [] })
    if (store.boots.length > BOOTS) store.boots.shift()
  } else if (!b) return
  else if (name === 'phase') {
    if (b.ready === undefined) b.phases.push({ name: e.name, at: e.since_qemu_ms, kind: e.kind })
  } else if (name === 'ready') b.ready ??= e.since_qemu_ms
  else if (name === 'exit') b.exit = e.status
  else return
  tell('boots')
}

function onEvent(name, data) {
  if (name === 'status') {
    store.status = data
    store.at = performance.now()
    tell('status', data)
    return
  }
  boot(name, data)
  tell(name, data)
}

// Milliseconds since QEMU's start.
export function up() {
  return store.status ? store.status.ms.up + (isOver() ? 0 : performance.now() - store.at) : 0
}

export function isOver() {
  return !store.connected || ['down', 'ended', 'gone'].includes(store.status?.state)
}

// Before ready, and neither failed nor ended.
export function isBooting() {
  const s = store.status
  return Boolean(s) && store.connected && !s.ms.ready && ['starting', 'running'].includes(s.state)
}

export async function loadSettings() {
  store.settings = new Map((await get('settings')).map(s => [s.name, s]))
  tell('settings')
}

export function setting(name) {
  return store.settings.get(name)?.value ?? ''
}

// Who is connected to the console: vm-web has one connection for all browsers.
export function viewers() {
  return Math.max(0, (store.status?.console.clients ?? 0) - (store.browsers ? 1 : 0)) + store.browsers
}

export function setBrowsers(n) {
  if (n === store.browsers) return
  store.browsers = n
  tell('viewers')
}

export function start() {
  follow(onEvent, (connected, retry) => {
    if (connected && !store.connected) {
      // Another start may have other settings; its history is sent again from the first line.
      loadSettings().catch(() => {})
    }
    store.connected = connected
    store.retry = retry
    tell('connection')
  })
}
