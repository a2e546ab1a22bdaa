// A small app on @slack/bolt: an independent client of the simulated workspace.
const { App, LogLevel } = require('@slack/bolt');

const app = new App({
  socketMode: true,
  token: process.env.SLACK_BOT_TOKEN,
  appToken: process.env.SLACK_APP_TOKEN,
  logLevel: LogLevel.WARN,
  clientOptions: { slackApiUrl: process.env.SLACK_API_URL },
});

const plain = (text) => ({ type: 'plain_text', text });

app.command('/ecs', async ({ command, ack, client }) => {
  if (command.text === 'quiet') {
    await ack();
    return;
  }
  await ack({ text: `hello <@${command.user_id}>` });
  await client.chat.postMessage({
    channel: command.channel_id,
    text: 'ready?',
    blocks: [
      { type: 'section', text: { type: 'mrkdwn', text: '*ready?*' } },
      { type: 'actions', block_id: 'go', elements: [{ type: 'button', action_id: 'confirm', text: plain('Yes'), value: 'tok' }] },
    ],
    metadata: { event_type: 'asked', event_payload: { by: command.user_id } },
  });
});

app.action('confirm', async ({ ack, respond, body, client }) => {
  await ack();
  await respond({ text: 'one more thing', response_type: 'ephemeral' });
  await client.views.open({
    trigger_id: body.trigger_id,
    view: {
      type: 'modal',
      callback_id: 'why',
      title: plain('Why'),
      submit: plain('Send'),
      private_metadata: `${body.channel.id} ${body.message.ts}`,
      blocks: [{ type: 'input', block_id: 'why', label: plain('Why'), element: { type: 'plain_text_input', action_id: 'text' } }],
    },
  });
});

app.view('why', async ({ ack, view, client, body }) => {
  const text = view.state.values.why.text.value;
  if (text.length < 5) {
    await ack({ response_action: 'errors', errors: { why: 'say more' } });
    return;
  }
  await ack();
  const [channel, ts] = view.private_metadata.split(' ');
  await client.chat.update({ channel, ts, text: `done by <@${body.user.id}>: ${text}`, blocks: [] });
});

app.error(async (error) => {
  console.error(`app error: ${error.message} ${JSON.stringify(error.data || {})}`);
});

process.on('SIGTERM', async () => {
  await app.stop();
  process.exit(0);
});

app.start().catch((error) => {
  console.error(`start failed: ${error.message}`);
  process.exit(1);
});
