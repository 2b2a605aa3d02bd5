<?php
// A handler as it is written with the vendor's PHP examples: for each message
// of the event a call of its own, and for each call a new curl handle and so
// a new connection. It stores nothing; the channel is left out.

function call(string $endpoint, string $method, array $params): ?array
{
    $curl = curl_init($endpoint . $method . '.json');
    curl_setopt_array($curl, [
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_POST => true,
        CURLOPT_POSTFIELDS => http_build_query($params),
        CURLOPT_USERAGENT => 'handler.php',
        CURLOPT_TIMEOUT => 65,
    ]);
    $answer = curl_exec($curl);
    curl_close($curl);
    return is_string($answer) ? json_decode($answer, true) : null;
}

header('Content-Type: application/json');
$auth = $_POST['auth'] ?? [];
if (!hash_equals('831c76b092f9f135d9b6b36c3a720757',
        (string)($auth['application_token'] ?? ''))) {
    http_response_code(403);
    exit('{"error":"WRONG_TOKEN"}');
}
foreach ($_POST['data']['MESSAGES'] ?? [] as $message) {
    call($auth['client_endpoint'], 'imconnector.send.status.delivery', [
        'auth' => $auth['access_token'],
        'CONNECTOR' => $_POST['data']['CONNECTOR'],
        'LINE' => $_POST['data']['LINE'],
        'MESSAGES' => [[
            'im' => $message['im'],
            'message' => ['id' => [uniqid()], 'date' => time()],
            'chat' => ['id' => $message['chat']['id']],
        ]],
    ]);
}
echo '{"result":true}';
