// facts.js - the side column: the machine, QEMU's resource usage, disks, forwards, consoles.
import { base } from './api.js'
import { $, copyButton, fill, h, setText } from './dom.js'
import { phaseTable } from './boot.js'
import { bytes, duration } from './format.js'
import { setBrowsers, setting, store, up, viewers, watch } from './store.js'

const rows = new Map()

function row(key, name) {
  const dd = h('dd', '–')
  rows.set(key, dd)
  return [h('dt', name), dd]
}

function put(key, ...what) {
  fill(rows.get(key), what)
}

function group(title, ...contents) {
  const id = `facts-${title.toLowerCase().replace(/\W+/g, '-')}`
  return h('section.group', { 'aria-labelledby': id }, h(`h2#${id}`, title), contents)
}

function command(text) {
  return h('div.command', h('code', text), copyButton(text))
}

// QEMU_HOSTFWDS: [tcp:|udp:]port:guestport or port:guestport/udp, comma-separated; ports may be ranges.
export function forwards(text) {
  if (!text || text === 'none') return []
  return text.split(',').map(f => {
    const [, before, host, guest, after] = f.trim().match(/^(?:(tcp|udp):)?(?:[\d.]+:)?([\d-]+):([\d-]+)(?:\/(tcp|udp))?$/) ?? []
    return host && { host, guest, protocol: before ?? after ?? 'tcp' }
  }).filter(Boolean)
}

const HTTP = { 80: 'http', 8080: 'http', 8000: 'http', 3000: 'http', 443: 'https', 8443: 'https' }

function forwardRow(f) {
  const name = location.hostname
  const plain = name.replace(/^\[|\]$/g, '')
  if (f.protocol === 'tcp' && HTTP[f.guest]) {
    const link = `${HTTP[f.guest]}://${name}:${f.host}/`
    return h('li', h('a', { href: link, target: '_blank', rel: 'noreferrer' }, link), h('span.muted', ` to port ${f.guest}`))
  }
  if (f.protocol === 'tcp' && f.guest === '22')
    return h('li', command(`ssh -p ${f.host} ${setting('VM_LOGIN_USER') || 'root'}@${plain}`))
  return h('li', h('code', `${name}:${f.host}`), h('span.muted', ` to ${f.protocol} port ${f.guest}`))
}

function drawNetwork() {
  const s = store.status
  const list = s?.network === 'none' ? [] : forwards(setting('QEMU_HOSTFWDS'))
  const ports = s?.ports ?? {}
  const host = location.hostname.replace(/^\[|\]$/g, '')
  put('network', s?.network ?? '–')
  put('forwards', list.length ? h('ul', list.map(forwardRow)) : 'none')
  put('serial', ports.serial ? command(`telnet ${host} ${ports.serial}`) : 'off')
  put('monitor', ports.monitor ? command(`telnet ${host} ${ports.monitor}`) : 'off')
  put('gdb', ports.gdb ? command(`gdb -ex "target remote ${host}:${ports.gdb}"`) : 'off')
}

function drawStatus(s) {
  put('guest', `${s.guest}, ${s.cpus} processor${s.cpus === 1 ? '' : 's'}, ${s.ram_mb} MiB`)
  put('accelerator', s.accelerator.toUpperCase(), h('span.reason', s.accelerator_reason))
  put('qemu', s.qemu.version ? `${s.qemu.version}, process ${s.qemu.pid}` : 'not answering yet')
  put('sandbox', `seccomp ${s.sandbox.seccomp ? 'on' : 'off'}, Landlock ${s.sandbox.landlock_text}`)
  put('disk', s.disk ? h('code', s.disk.split('/').at(-1)) : 'none', s.disk && h('span.reason', s.disk))
  put('boot', s.boot ?? s.kernel ?? '–')
  put('fsck', s.fsck ?? 'not checked')
  drawClients()
  drawNetwork()
}

function drawClients() {
  put('clients', `${viewers()} on the console, ${bytes(store.status.console.bytes)} so far`)
}

function drawSettings() {
  const mode = setting('QEMU_DISK_MODE')
  const meaning = {
    persistent: 'writes go to the image',
    overlay: 'writes go to an overlay that is kept',
    throwaway: 'writes go to an overlay that is deleted with the container',
    auto: 'chosen by the disk: the image itself for your own, a throwaway overlay for the built-in guest',
  }[mode]
  put('mode', mode, h('span.reason', meaning), setting('QEMU_OVERLAY') && h('span.reason', `overlay: ${setting('QEMU_OVERLAY')}`))
  if (store.status) drawNetwork()
}

// /metrics, every three seconds while the page is visible: QEMU's processor time and memory.
let before = null
function sample(text, name) {
  const m = text.match(new RegExp(`^${name}(?:\\{[^}]*\\})? ([\\d.eE+-]+)`, 'm'))
  return m ? Number(m[1]) : NaN
}

async function usage() {
  if (document.hidden || !store.connected) return
  const response = await fetch(new URL('metrics', base))
  if (!response.ok) return
  const text = await response.text()
  const now = { at: performance.now(), cpu: sample(text, 'hurdvm_qemu_cpu_seconds_total'), rss: sample(text, 'hurdvm_qemu_resident_bytes') }
  if (before && now.cpu >= before.cpu) {
    const share = (now.cpu - before.cpu) / (now.at - before.at) * 1000
    meter('cpu', share / Math.max(1, store.status?.cpus ?? 1), `${Math.round(share * 100)} % of a processor`)
  }
  if (Number.isFinite(now.rss)) {
    const ram = (store.status?.ram_mb ?? 0) * 1048576
    meter('memory', ram ? now.rss / ram : 0, `${bytes(now.rss)}${ram ? ` (guest: ${bytes(ram)})` : ''}`)
  }
  setBrowsers(sample(text, 'hurdvm_web_console_clients') || 0)
  before = now
}

function meter(key, share, text) {
  const dd = rows.get(key)
  if (!dd.querySelector('.meter')) fill(dd, h('span.value'), h('span.meter', { 'aria-hidden': 'true' }, h('span')))
  setText(dd.querySelector('.value'), text)
  dd.querySelector('.meter span').style.width = `${Math.min(100, share * 100)}%`
}

// Wait until everything is known: lines added one by one would move the others.
function reveal() {
  if (store.status && store.settings.size) $('facts').classList.remove('unknown')
}

export function startFacts() {
  fill($('facts'),
    group('Machine', h('dl', row('guest', 'Guest'), row('up', 'Running for'), row('accelerator', 'Accelerator'), row('cpu', 'Processor'),
      row('memory', 'Memory of QEMU'), row('qemu', 'QEMU'), row('sandbox', 'Sandbox'))),
    group('Disk', h('dl', row('disk', 'Image'), row('mode', 'Writes'), row('boot', 'Boot'), row('fsck', 'File systems'))),
    group('Network', h('dl', row('network', 'Network'), row('forwards', 'Forwards'), row('serial', 'Console'), row('monitor', 'Monitor'), row('gdb', 'Debugger'), row('clients', 'Clients'))),
    group('Phases', phaseTable())) // last, because it grows
  watch('status', drawStatus)
  watch('status settings', reveal)
  watch('viewers', drawClients)
  watch('settings', drawSettings)
  setInterval(() => { if (store.status) setText(rows.get('up'), duration(up())) }, 1000)
  watch('status', () => { if (!before) usage().catch(() => {}) })
  setInterval(() => usage().catch(() => {}), 3000)
}
