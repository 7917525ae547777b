// What is shown in place of the page while the station can't be reached, until it can. The service worker keeps this one
// and what belongs to it, so it imports nothing.

(() => {
  const WORDS = {
    en: {
      text: 'Doorway cannot be reached.',
      help: 'This page cannot ring at the moment. It comes back by itself. Is this device in the home’s network, and does the station have power?',
      again: 'Try again',
      certificateHelp: 'If it stays so, the station may have a new certificate, which only the browser can ask you about.',
      certificate: 'Ask the browser',
    },
    zh: {
      text: '無法連線到 Doorway。',
      help: '目前無法收到門鈴，恢復後會自動回到本頁。請確認這個裝置已連上家中的網路，且門口機有電。',
      again: '再試一次',
      certificateHelp: '如果一直如此，門口機可能換了新憑證，只有瀏覽器能請您確認。',
      certificate: '由瀏覽器確認',
    },
  };
  const LOOK_MS = 3_000;

  const chinese = /^zh/i.test(navigator.language);
  const words = chinese ? WORDS.zh : WORDS.en;
  document.documentElement.lang = chinese ? 'zh-Hant' : 'en';
  say('offline-text', words.text);
  say('offline-help', words.help);
  say('offline-again', words.again)?.addEventListener('click', () => location.reload());
  say('offline-certificate-help', words.certificateHelp);
  // With the room and the secret that a link may have brought.
  say('offline-certificate', words.certificate)?.setAttribute('href', `index.html${location.search}${location.hash}`);
  addEventListener('online', look);
  setInterval(look, LOOK_MS);

  async function look() {
    try {
      const { ok } = await fetch('manifest.webmanifest', { cache: 'no-store' });
      if (ok) location.reload();
    } catch {
      // Not yet.
    }
  }

  /**
   * @param {string} id
   * @param {string} text
   */
  function say(id, text) {
    const element = document.getElementById(id);
    if (element !== null) element.textContent = text;
    return element;
  }
})();
