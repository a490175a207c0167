-- A bot is nobody: what its sessions saw makes no record (but for a session that lands after its pages: then until the
-- next full refresh).
{{ identified(
    'web_app',
    ['sessions', 'logins', 'page_views', 'clicks'],
    {},
    where="session_id not in (select bot.session_id from " ~ ref('stg_web_app__sessions') ~ " as bot where bot.is_bot)"
) }}
