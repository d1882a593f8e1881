// Keeps the ad clicks of this site's visitors and tells conversion-sync about them, as far as they consent.
//
//   address, vendors' cookies ──► memory ──(consent)──► localStorage and a cookie ──► /v1/click, until acknowledged
//
// What each attribute, field and answer means: docs/collector.md. What only readers need is not served.
(() => {
  const script = document.currentScript, early = window.conversionSync;
  if (early?.identify) return;
  const base = script.dataset.endpoint || new URL(script.src).origin, rule = script.dataset.consent || "";
  const STORE = "_cs_clicks", VISITOR = "_cs_visitor", KEPT = 50, AT_ONCE = 5, LONGEST = 1500;
  const IDS = "gclid gbraid wbraid fbclid ttclid li_fat_id msclkid rdt_cid twclid sccid epik".split(" ");
  const SIGNALS = ["ad_storage", "ad_user_data", "ad_personalization"];
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  const asked = rule != "never" && !(rule.includes("/") && !rule.split(" ").some((start) => zone.startsWith(start)));
  const layer = (window.dataLayer = window.dataLayer || []);

  let clicks = [], wanted, user, visitor, browser, page = location.href;
  let site, tcf, listens, exempt, busy, pause = 1000;

  // Storage and cookies may be blocked, and any of the page's globals missing: then there is nothing.
  const attempt = (action) => { try { return action(); } catch {} };
  const once = (text) => attempt(() => decodeURIComponent(text)) ?? text;
  const stored = () => attempt(() => JSON.parse(localStorage.getItem(STORE)));
  const cookie = (name) => {
    const found = attempt(() => document.cookie.split("; ").find((pair) => pair.startsWith(name + "=")));
    return found && once(found.slice(name.length + 1));
  };
  // The widest domain the browser allows, so that www. and app. are one visitor.
  const keepVisitor = (value, seconds) => attempt(() => {
    const parts = location.hostname.split(".");
    for (let from = parts.length; from--;) {
      document.cookie = VISITOR + "=" + value + (from ? ";domain=" + parts.slice(from - 1).join(".") : "")
        + ";path=/;samesite=lax;max-age=" + seconds + (location.protocol == "https:" ? ";secure" : "");
      if (cookie(VISITOR) == value) return;
    }
  });

  const key = (click) => Object.values(click.ids).join() || click.at;
  // Another tab may have written meanwhile: what it wrote counts, what only this page knows is added.
  const merge = () => {
    const kept = { clicks: [], ...stored() };
    clicks = kept.clicks.concat(clicks.filter((one) => !kept.clicks.some((other) => key(other) == key(one))))
      .sort((one, other) => one.at - other.at).slice(-KEPT);
    user = kept.user || user;
    visitor = cookie(VISITOR) || kept.visitor || visitor
      || [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("");
  };
  const save = () => {
    attempt(() => localStorage.setItem(STORE, JSON.stringify({ clicks, user, visitor })));
    keepVisitor(visitor, 34560000);
  };

  const add = (click) => {
    const ids = Object.values(click.ids), utm = JSON.stringify(click.utm);
    // A page of a visit that is loaded again within half an hour has the same tags.
    const isSame = (one) => ids.length
      ? ids.every((id) => Object.values(one.ids).some((known) => known.includes(id) || id.includes(known)))
      : JSON.stringify(one.utm) == utm && click.at - one.at < 18e5;
    if (!clicks.some(isSame)) clicks.push(click);
  };
  // Values are decoded once and otherwise left alone: identifiers are opaque, and their case counts.
  const capture = (referrer) => {
    const ids = {}, utm = {};
    (location.search + "&" + location.hash).split(/[?&]/).forEach((pair) => {
      const [, name, value] = /^([^=]+)=(.+)/.exec(pair) || [, ""], low = name.toLowerCase();
      if (IDS.includes(low)) ids[low == "sccid" ? "sc_cid" : low] = once(value);
      if (/^utm_/.test(low)) utm[low.slice(4)] = once(value.replace(/\+/g, " "));
    });
    if (JSON.stringify([ids, utm]) != "[{},{}]")
      add({ at: Date.now(), ids, utm, url: location.href.slice(0, LONGEST), referrer: referrer.slice(0, LONGEST) });
  };
  // Clicks of before this snippet was here, at the time their cookie says; two cookies say none.
  const recover = () => {
    [
      ["_gcl_aw", "gclid", /^GCL\.(\d+)\.([^.]+)/],
      ["_gcl_gb", "wbraid", /^GCL\.(\d+)\.([^.]+)/],
      ["_gcl_ag", "gbraid", /^(?=.*\$i(\d+)).*\.k([^$]+)/],
      ["_fbc", "fbc", /^(?=fb\.\d\.(\d+)\.)(.+)/],
      ["li_fat_id", "li_fat_id", /^()(.+)/],
      ["_uetmsclkid", "msclkid", /^_uet()(.+)/],
    ].forEach(([name, kind, form]) => {
      const [, at, id] = form.exec(cookie(name) || "") || [];
      if (id) add({ at: at ? at * (at < 1e11 ? 1000 : 1) : Date.now(), ids: { [kind]: id }, cookie: name });
    });
    browser = { fbp: cookie("_fbp"), ttp: cookie("_ttp") };
  };

  // What was said of each signal. `refused` is a visitor's word, not a default that waits for one.
  const consent = () => {
    const said = {}, first = {}, then = {}, tags = window.google_tag_data?.ics?.entries || {};
    const word = (yes) => yes === undefined ? yes : yes ? "granted" : "denied";
    layer.forEach((item) => {
      if (item?.[0] == "consent") Object.assign(item[1] == "update" ? then : first, item[2]);
    });
    const all = (...purposes) => word(purposes.every((purpose) => tcf[purpose]));
    Object.assign(then, tcf && { ad_storage: all(1), ad_user_data: all(1, 7), ad_personalization: all(3, 4) }, site);
    SIGNALS.forEach((signal) => {
      if (navigator.globalPrivacyControl) then[signal] = "denied";
      // Who is in the region of a default is the tag's to know: without it nothing is said.
      said[signal] = then[signal] || word(tags[signal]?.update) || word(tags[signal]?.default)
        || (first.region ? undefined : first[signal]);
    });
    const storage = said.ad_storage;
    return {
      said,
      may: storage == "granted" || (!storage && (!asked || exempt)),
      refused: (then.ad_storage || word(tags.ad_storage?.update)) == "denied",
    };
  };
  const listen = () => {
    if (listens || !window.__tcfapi) return;
    listens = 1;
    __tcfapi("addEventListener", 2, (data, ok) => {
      exempt = ok && data.gdprApplies === false;
      if (ok && !exempt && data.eventStatus != "cmpuishown") tcf = data.purpose.consents;
      check();
    });
  };

  // A string goes as text/plain, which asks for no preflight. Only what may go better later is sent again.
  const send = (path, body, then) =>
    fetch(base + path, {
      method: "POST", keepalive: true, body: JSON.stringify({ visitor_id: visitor, sent_at: Date.now(), ...body }),
    }).then((answer) => answer.status < 500 && answer.status != 429, () => false).then(then);
  const tell = (consent, some, then) =>
    send("/v1/click", { consent, browser, clicks: some }, then);

  const flush = () => {
    const { said, may } = consent(), as = JSON.stringify(said), asks = wanted;
    const some = clicks.filter((one) => one.as != as).slice(0, AT_ONCE);
    const answered = (ok) => {
      busy = 0;
      if (!ok) return setTimeout(flush, (pause = Math.min(pause * 2, 3e5)));
      pause = 1000;
      if (!consent().may) return;
      merge();
      if (some.length) clicks.forEach((one) => { if (some.some((sent) => key(sent) == key(one))) one.as = as; });
      else user = asks.user_id;
      save();
      flush();
    };
    if (busy || !may) return;
    busy = 1;
    if (some.length) tell(said, some, answered);
    else if (asks && asks.user_id != user) send("/v1/identify", asks, answered);
    else busy = 0;
  };
  const check = () => {
    listen();
    const { said, may, refused } = consent();
    if (may) {
      merge();
      if (!browser) recover();
      save();
      flush();
    } else if (refused && (cookie(VISITOR) || stored())) {
      // What was told with consent is told once more without it, so that nothing of it leaves any more.
      merge();
      const before = clicks.filter((one) => one.as);
      while (before.length) tell(said, before.splice(0, AT_ONCE));
      clicks.forEach((one) => delete one.as);
      attempt(() => localStorage.removeItem(STORE));
      keepVisitor("", 0);
      user = visitor = browser = undefined;
    }
  };

  const moved = () => {
    if (page == location.href) return;
    capture(page);
    page = location.href;
    check();
  };
  const after = (owner, name, then) => {
    const real = owner[name];
    owner[name] = (...all) => { const result = real.apply(owner, all); attempt(then); return result; };
  };
  after(history, "pushState", moved);
  after(history, "replaceState", moved);
  after(layer, "push", check);
  addEventListener("popstate", moved);
  ["load", "online"].forEach((name) => addEventListener(name, check));
  addEventListener("pagehide", () => { busy = 0; flush(); });

  const api = (window.conversionSync = {
    identify(id) { wanted = { user_id: "" + id, at: Date.now() }; check(); },
    // Consent Mode's signals, for banners that speak neither that nor TCF.
    consent(said) { site = said; check(); },
    visitorId: () => visitor,
    push: ([name, value]) => api[name](value),
  });
  capture(document.referrer);
  check();
  early?.forEach(api.push);
})();
