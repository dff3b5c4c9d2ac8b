-- +goose Up

-- When the first and the last of the attempts were that one record of failed sign-ins stands for; 0 where that is not known.
ALTER TABLE audit ADD COLUMN began INTEGER NOT NULL DEFAULT 0;
ALTER TABLE audit ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;

-- The last events of one account, however long the log is.
CREATE INDEX audit_account ON audit (account_id, event, id) WHERE account_id IS NOT NULL;

-- The browser and the address of a session's last sign-in, as the browser said.
ALTER TABLE session ADD COLUMN user_agent TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN address TEXT NOT NULL DEFAULT '';

-- Records of failed sign-ins stood at the beginning of their hour, while they tell of the latest attempt. They get the
-- place of that time.
UPDATE audit SET id = unhex(printf('%012x', happened) || hex(substr(id, 7)))
    WHERE event = 'sign_in_failed' AND substr(id, 1, 6) <> unhex(printf('%012x', happened));
