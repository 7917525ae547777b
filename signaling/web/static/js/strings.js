// Every word of the page, in English and in Traditional Chinese. `{name}` in a text is filled in by `text()`.

const en = {
  // The page
  'page.title': 'Doorway',

  // The link to the companion
  'link.connecting': 'Connecting',
  'link.online': 'Ready',
  'link.offline': 'Reconnecting',
  'link.refused': 'Not let in',
  'link.offline.detail': 'This page cannot ring at the moment. It connects again by itself.',
  'link.full.detail': 'Doorway has no room for another page at the moment. This one keeps trying.',
  'link.version.detail': 'This page and Doorway are of different versions. Reload the page; if that does not help, update Doorway.',

  // Secret
  'secret.title': 'Who goes there?',
  'secret.text': 'Doorway asks for its shared secret before it lets this page in.',
  'secret.wrong': 'That was not the secret. Please try again.',
  'secret.label': 'Shared secret',
  'secret.enter': 'Come in',

  // Home
  'home.quiet': 'All quiet.',
  'home.quiet.night': 'All quiet tonight.',
  'home.ringing': '{name} is ringing.',
  'home.in_call': 'Somebody talks at {name}.',
  'home.none': 'No door yet.',
  'home.offline': 'One moment.',
  'home.stations': 'Doors',
  'home.none.title': 'Waiting for a door station',
  'home.none.text': 'It appears here by itself as soon as it is switched on and connected.',
  'home.screen': 'This screen',

  // Stations
  'station.idle': 'Quiet',
  'station.watched': 'Somebody is watching',
  'station.ringing': 'Ringing',
  'station.in_call': 'In a call',
  'station.watch': 'Watch',
  'station.watch.label': 'Watch {name}',
  'camera.missing': 'The camera is not working.',
  'microphone.missing': 'The microphone at the door is not working. You will not hear the visitor.',
  'speaker.missing': 'The speaker at the door is not working. The visitor will not hear you.',
  'camera.absent': 'No camera here: sound only.',
  'microphone.absent': 'No microphone at this door.',
  'speaker.absent': 'No speaker at this door.',

  // Call list
  'calls.title': 'Calls',
  'calls.empty': 'Nobody has called yet.',
  'calls.clear': 'Clear',
  'calls.clear.label': 'Clear the call list',
  'calls.missed': 'Missed',
  'calls.declined': 'Declined',
  'calls.elsewhere': 'Answered on another screen',
  'calls.watched': 'Watched',
  'calls.answered': 'Answered',
  'calls.today': 'Today',
  'calls.yesterday': 'Yesterday',

  // What this screen is called, its ring tone and notifications
  'name.title': 'This screen is called',
  'name.text': 'Door buttons that ring only some screens find them by name.',
  'name.example': 'Kitchen',
  'name.save': 'Save',
  'tone.title': 'Ring tone',
  'tone.ready': 'On. You will hear the bell.',
  'tone.blocked': 'Your browser keeps this page silent until you have touched it once.',
  'tone.test': 'Play it',
  'notify.title': 'Notifications',
  'notify.granted': 'On. You are told when this page is in the background.',
  'notify.default': 'Be told when this page is in the background.',
  'notify.denied': 'Blocked in the settings of your browser.',
  'notify.failed': 'Allowed, but your browser does not show them for this page. Leave the page open in front.',
  'notify.enable': 'Turn on',
  'notify.body': 'Somebody is at the door.',
  'notify.body.button': 'Somebody rings for {button}.',

  // Ringing
  'ringing.title': 'Somebody is at the door',
  'ringing.button': 'Rings for {button}',
  'ringing.again': 'The visitor rang again.',
  'ringing.answer': 'Answer',
  'ringing.decline': 'Decline',
  'ringing.unmute': 'Tap to hear the bell',
  'ringing.flash': '● {name} is ringing',
  'ringing.announce': '{name} is ringing. Answer or decline.',

  // In a call and watching
  'call.connecting': 'Connecting…',
  'call.talking': 'Talking',
  'call.reconnecting': 'The connection is interrupted. Trying to get it back…',
  'call.version.text': 'This page and the door station are of different versions.',
  'call.version.help': 'The call goes on, but something may not work. Reload the page afterwards; if that does not help, update the door station.',
  'call.hang_up': 'Hang up',
  'call.mute': 'Mute',
  'call.unmute': 'Unmute',
  'call.volume': 'Volume',
  'call.pressed_again': 'The visitor pressed the button again.',
  'watching.title': 'Watching',
  'watching.text': 'The visitor does not hear you.',
  'watching.talk': 'Talk',
  'watching.close': 'Close',
  'picture.waiting': 'The picture is on its way…',
  'picture.stalled': 'The picture stands still',
  'picture.none': 'No picture',
  'picture.none.text': 'You can still talk and open the door.',
  'picture.none.ringing': 'You can still answer.',
  'picture.label': 'Picture of {name}',
  'picture.fill': 'Fill the screen',
  'picture.fit': 'Show the whole picture',

  // Doors
  'door.hold': 'Hold to open',
  'door.keep_holding': 'Keep holding…',
  'door.too_short': 'Hold a little longer',
  'door.confirm': 'Press again to open',
  'door.pending': 'Opening…',
  'door.opened': 'Door is open',
  'door.was_opened': 'The door was opened',
  'door.refused.not_in_call': 'Only in a call',
  'door.refused.no_such_door': 'The station does not know this door',
  'door.refused.already_open': 'It is open already',
  'door.refused.too_often': 'Too often. Wait a moment.',
  'door.failed': 'It did not open',
  'door.timeout': 'No answer from the door',
  'door.label': 'Hold to open: {door}',

  // Microphone
  'microphone.refused.text': 'The visitor cannot hear you.',
  'microphone.refused.help': 'Your browser does not let this page use the microphone. You still hear the visitor. Allow it in the address bar or in the settings, then try again.',
  'microphone.none.text': 'The visitor cannot hear you.',
  'microphone.none.help': 'This device has no microphone. You still hear the visitor. Connect one, then try again.',
  'microphone.busy.text': 'The visitor cannot hear you.',
  'microphone.busy.help': 'Another program is using the microphone. You still hear the visitor. Close it, then try again.',
  'microphone.insecure.text': 'The visitor cannot hear you.',
  'microphone.insecure.help': 'Browsers allow the microphone on secure pages only, and this one came over plain HTTP. You still hear the visitor. To talk, open Doorway by its https:// address.',
  'microphone.retry': 'Try again',
  'sound.blocked.text': 'Your browser keeps the sound back.',
  'sound.blocked.play': 'Let me hear',

  // Another station rings
  'waiting.text': '{name} is ringing too',
  'waiting.show': 'Show',
  'waiting.switch': 'Hang up and show',
  'waiting.ignore': 'Not now',

  // Quality
  'quality.good': 'Good connection',
  'quality.fair': 'Fair connection',
  'quality.poor': 'Poor connection',
  'quality.details': 'Connection',
  'quality.delay': 'Delay, there and back',
  'quality.loss': 'Lost on the way',
  'quality.sound': 'Sound made up',
  'quality.picture': 'Picture',
  'quality.picture.value': '{width} × {height}, {rate}/s',
  'quality.ms': '{value} ms',
  'quality.percent': '{value} %',

  // Ended
  'ended.hung_up': 'Call ended',
  'ended.answered_elsewhere': 'Answered on another screen',
  'ended.declined': 'Declined',
  'ended.ring_timeout': 'Nobody answered',
  'ended.max_duration': 'The longest time for a call is over',
  'ended.connection_lost': 'The connection was lost',
  'ended.busy': 'The door station is busy',
  'ended.station_closing': 'The door station is restarting',
  'ended.malformed': 'The door station did not understand this page',
  'ended.station_gone': 'The door station is not there',
  'ended.closed': 'Closed',
  'ended.visitor_left': 'The visitor has gone',
  'ended.duration': '{name}, {time}',
  'ended.help.connection_lost': 'Check that this device and the door station are in the network.',
  'ended.help.busy': 'Somebody else is watching or talking.',
  'ended.help.malformed': 'Reload the page. If it happens again, update Doorway.',
  'ended.home': 'Done',

  // The panel of the simulated door station
  'sim.title': 'Simulated door station',
  'sim.text': 'This board exists only in software. Press its button as a visitor would: with the pointer, or with the space bar.',
  'sim.link.connecting': 'Connecting to doorwayd',
  'sim.link.online': 'Connected',
  'sim.link.offline': 'doorwayd does not answer',
  'sim.press': 'Press {button}',
  'sim.microphone': 'Microphone',
  'sim.speaker': 'Speaker',
  'sim.chime': 'Chime',
  'sim.chime.silent': 'silent',
  'sim.chime.ringing': 'ringing',
  'sim.chime.accepted': 'answered',
  'sim.chime.ended': 'call over',
  'sim.chime.refused': 'refused',
  'sim.indicator': 'Light',
  'sim.indicator.off': 'off',
  'sim.indicator.ready': 'ready',
  'sim.indicator.ringing': 'ringing',
  'sim.indicator.connecting': 'connecting',
  'sim.indicator.talking': 'talking',
  'sim.indicator.fault': 'fault',
  'sim.activity': 'Station',
  'sim.relays': 'Doors',
  'sim.relay.open': 'unlocked',
  'sim.relay.shut': 'locked',
  'sim.moves': 'Moves of the relay',
  'sim.moves.none': 'The relay has not moved yet.',
  'sim.dbfs': '{value} dBFS',
  'sim.silent': 'silent',
  'sim.page': 'Open the page that rings',
};

/** @typedef {keyof typeof en} Key */

/** @type {Record<Key, string>} */
const zh = {
  'page.title': 'Doorway 門口對講',

  'link.connecting': '連線中',
  'link.online': '已就緒',
  'link.offline': '重新連線中',
  'link.refused': '未獲准進入',
  'link.offline.detail': '目前無法收到門鈴。系統會自動重新連線。',
  'link.full.detail': 'Doorway 目前沒有空位，本頁會持續嘗試連線。',
  'link.version.detail': '本頁與 Doorway 的版本不同。請重新載入；若仍無法使用，請更新 Doorway。',

  'secret.title': '請問是哪一位？',
  'secret.text': '進入之前，Doorway 需要您輸入共用密碼。',
  'secret.wrong': '密碼不正確，請再試一次。',
  'secret.label': '共用密碼',
  'secret.enter': '進入',

  'home.quiet': '門口很安靜。',
  'home.quiet.night': '今晚很安靜。',
  'home.ringing': '{name}有人按鈴。',
  'home.in_call': '{name}正在通話。',
  'home.none': '尚未連上門口機。',
  'home.offline': '請稍候。',
  'home.stations': '門口',
  'home.none.title': '等待門口機',
  'home.none.text': '門口機開機並連上網路後，會自動出現在這裡。',
  'home.screen': '這個螢幕',

  'station.idle': '安靜',
  'station.watched': '有人正在觀看',
  'station.ringing': '響鈴中',
  'station.in_call': '通話中',
  'station.watch': '觀看',
  'station.watch.label': '觀看{name}',
  'camera.missing': '攝影機無法使用。',
  'microphone.missing': '門口的麥克風無法使用，您將聽不到訪客的聲音。',
  'speaker.missing': '門口的喇叭無法使用，訪客將聽不到您的聲音。',
  'camera.absent': '此門口沒有攝影機，僅有聲音。',
  'microphone.absent': '此門口沒有麥克風。',
  'speaker.absent': '此門口沒有喇叭。',

  'calls.title': '通話紀錄',
  'calls.empty': '還沒有人來訪。',
  'calls.clear': '清除',
  'calls.clear.label': '清除通話紀錄',
  'calls.missed': '未接',
  'calls.declined': '已拒接',
  'calls.elsewhere': '已由其他螢幕接聽',
  'calls.watched': '已觀看',
  'calls.answered': '已接聽',
  'calls.today': '今天',
  'calls.yesterday': '昨天',

  'name.title': '這個螢幕的名稱',
  'name.text': '只讓部分螢幕響鈴的門口按鈕，會依這個名稱尋找螢幕。',
  'name.example': '廚房',
  'name.save': '儲存',
  'tone.title': '鈴聲',
  'tone.ready': '已開啟，門鈴響時您會聽到。',
  'tone.blocked': '在您點一下本頁之前，瀏覽器會讓它保持靜音。',
  'tone.test': '試聽',
  'notify.title': '通知',
  'notify.granted': '已開啟，本頁在背景時也會通知您。',
  'notify.default': '本頁在背景時，以通知提醒您。',
  'notify.denied': '已在瀏覽器設定中封鎖。',
  'notify.failed': '已允許，但瀏覽器不會為本頁顯示通知。請讓本頁保持在前景。',
  'notify.enable': '開啟',
  'notify.body': '門口有訪客。',
  'notify.body.button': '有訪客按了{button}的門鈴。',

  'ringing.title': '門口有訪客',
  'ringing.button': '按鈴對象：{button}',
  'ringing.again': '訪客又按了一次門鈴。',
  'ringing.answer': '接聽',
  'ringing.decline': '拒接',
  'ringing.unmute': '點一下以開啟鈴聲',
  'ringing.flash': '● {name}有人按鈴',
  'ringing.announce': '{name}有人按鈴。請接聽或拒接。',

  'call.connecting': '連線中…',
  'call.talking': '通話中',
  'call.reconnecting': '連線中斷，正在嘗試恢復…',
  'call.version.text': '本頁與門口機的版本不同。',
  'call.version.help': '通話會繼續，但部分功能可能無法使用。請在通話後重新載入本頁；若仍有問題，請更新門口機。',
  'call.hang_up': '掛斷',
  'call.mute': '靜音',
  'call.unmute': '取消靜音',
  'call.volume': '音量',
  'call.pressed_again': '訪客又按了一次門鈴。',
  'watching.title': '觀看中',
  'watching.text': '訪客聽不到您的聲音。',
  'watching.talk': '通話',
  'watching.close': '關閉',
  'picture.waiting': '畫面即將出現…',
  'picture.stalled': '畫面停住了',
  'picture.none': '沒有畫面',
  'picture.none.text': '您仍然可以通話及開門。',
  'picture.none.ringing': '您仍然可以接聽。',
  'picture.label': '{name}的畫面',
  'picture.fill': '填滿螢幕',
  'picture.fit': '顯示完整畫面',

  'door.hold': '按住開門',
  'door.keep_holding': '請繼續按住…',
  'door.too_short': '請按久一點',
  'door.confirm': '再按一次即可開門',
  'door.pending': '開門中…',
  'door.opened': '門開著',
  'door.was_opened': '門已開過',
  'door.refused.not_in_call': '僅能在通話中開門',
  'door.refused.no_such_door': '門口機沒有這扇門',
  'door.refused.already_open': '門已經開著',
  'door.refused.too_often': '操作太頻繁，請稍候。',
  'door.failed': '門沒有打開',
  'door.timeout': '門口機沒有回應',
  'door.label': '按住以開啟：{door}',

  'microphone.refused.text': '訪客聽不到您的聲音。',
  'microphone.refused.help': '瀏覽器不允許本頁使用麥克風，但您仍聽得到訪客。請在網址列或設定中允許麥克風，然後再試一次。',
  'microphone.none.text': '訪客聽不到您的聲音。',
  'microphone.none.help': '這台裝置沒有麥克風，但您仍聽得到訪客。請接上麥克風，然後再試一次。',
  'microphone.busy.text': '訪客聽不到您的聲音。',
  'microphone.busy.help': '麥克風正被其他程式使用，但您仍聽得到訪客。請關閉該程式，然後再試一次。',
  'microphone.insecure.text': '訪客聽不到您的聲音。',
  'microphone.insecure.help': '瀏覽器只允許安全的網頁使用麥克風，而本頁是以一般 HTTP 開啟的。您仍聽得到訪客；若要通話，請改用 https:// 開頭的網址。',
  'microphone.retry': '再試一次',
  'sound.blocked.text': '瀏覽器暫時不播放聲音。',
  'sound.blocked.play': '播放聲音',

  'waiting.text': '{name}也有人按鈴',
  'waiting.show': '顯示',
  'waiting.switch': '掛斷並顯示',
  'waiting.ignore': '暫不理會',

  'quality.good': '連線良好',
  'quality.fair': '連線普通',
  'quality.poor': '連線不佳',
  'quality.details': '連線狀況',
  'quality.delay': '往返延遲',
  'quality.loss': '傳輸遺失',
  'quality.sound': '補償的聲音',
  'quality.picture': '畫面',
  'quality.picture.value': '{width} × {height}，每秒 {rate} 張',
  'quality.ms': '{value} 毫秒',
  'quality.percent': '{value} %',

  'ended.hung_up': '通話已結束',
  'ended.answered_elsewhere': '已由其他螢幕接聽',
  'ended.declined': '已拒接',
  'ended.ring_timeout': '無人接聽',
  'ended.max_duration': '已達通話時間上限',
  'ended.connection_lost': '連線已中斷',
  'ended.busy': '門口機忙線中',
  'ended.station_closing': '門口機正在重新啟動',
  'ended.malformed': '門口機無法理解本頁的訊息',
  'ended.station_gone': '找不到門口機',
  'ended.closed': '已關閉',
  'ended.visitor_left': '訪客已離開',
  'ended.duration': '{name}，{time}',
  'ended.help.connection_lost': '請確認這台裝置與門口機都已連上網路。',
  'ended.help.busy': '有其他人正在觀看或通話。',
  'ended.help.malformed': '請重新載入本頁。若再次發生，請更新 Doorway。',
  'ended.home': '完成',

  'sim.title': '模擬門口機',
  'sim.text': '這塊電路板只存在於軟體中。請像訪客一樣按下按鈕：用滑鼠、手指或空白鍵。',
  'sim.link.connecting': '正在連接 doorwayd',
  'sim.link.online': '已連線',
  'sim.link.offline': 'doorwayd 沒有回應',
  'sim.press': '按下{button}',
  'sim.microphone': '麥克風',
  'sim.speaker': '喇叭',
  'sim.chime': '門鈴聲',
  'sim.chime.silent': '無聲',
  'sim.chime.ringing': '響鈴中',
  'sim.chime.accepted': '已接聽',
  'sim.chime.ended': '通話結束',
  'sim.chime.refused': '已拒絕',
  'sim.indicator': '指示燈',
  'sim.indicator.off': '關閉',
  'sim.indicator.ready': '就緒',
  'sim.indicator.ringing': '響鈴中',
  'sim.indicator.connecting': '連線中',
  'sim.indicator.talking': '通話中',
  'sim.indicator.fault': '故障',
  'sim.activity': '門口機',
  'sim.relays': '門',
  'sim.relay.open': '已解鎖',
  'sim.relay.shut': '已上鎖',
  'sim.moves': '繼電器動作',
  'sim.moves.none': '繼電器尚未動作。',
  'sim.dbfs': '{value} dBFS',
  'sim.silent': '無聲',
  'sim.page': '開啟會響鈴的頁面',
};

/** @typedef {'en'|'zh-Hant'} Language */

/** @type {Record<Language, Record<Key, string>>} */
export const languages = { en, 'zh-Hant': zh };

/**
 * The first language of `wanted` that the page has; any Chinese is served better by this one than by English.
 *
 * @param {readonly string[]} wanted - as `navigator.languages`
 * @returns {Language}
 */
export function choose(wanted) {
  for (const tag of wanted) {
    const primary = tag.toLowerCase().split('-')[0];
    if (primary === 'zh') return 'zh-Hant';
    if (primary === 'en') return 'en';
  }
  return 'en';
}

/** The language of this page. */
export const language = choose(globalThis.navigator?.languages ?? []);

/** How this person writes times and dates: their own variant of the page's language, where they have one. */
export const locale = globalThis.navigator?.languages?.find((tag) => choose([tag]) === language && tag.includes('-')) ?? language;

/**
 * @param {Key} key
 * @param {Record<string, string|number>} [values]
 */
export function text(key, values = {}) {
  return languages[language][key].replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/**
 * Whether a text of the page, such as one named in its HTML, is there.
 *
 * @param {string} key
 * @returns {key is Key}
 */
export function isKey(key) {
  return Object.hasOwn(en, key);
}
