<?php
/*
 * What PHP makes of a body, in full: $_POST, or json_decode() of its bytes.
 *
 * Run by readers.py as the router of PHP's own web server, so that the form goes
 * the way of a real POST. Every value comes back as [type, value], an array
 * as the pairs of its keys and values, so that nothing of it is lost.
 */
function told($v)
{
    if (is_array($v)) {
        $pairs = [];
        foreach ($v as $key => $value)
            $pairs[] = [$key, told($value)];
        return ['array', $pairs];
    }
    if (is_float($v))       // JSON knows no INF
        return ['float', var_export($v, true)];
    return [gettype($v), $v];
}

if (str_starts_with($_SERVER['CONTENT_TYPE'], 'application/json')) {
    $value = json_decode(file_get_contents('php://input'), true, 512);
    $ok = json_last_error() === JSON_ERROR_NONE;
} else {
    $value = $_POST;
    $ok = true;
}
$out = json_encode(['ok' => $ok, 'why' => json_last_error_msg(),
                    'value' => told($value)],
                   JSON_INVALID_UTF8_SUBSTITUTE | JSON_THROW_ON_ERROR, 2000);
header('Content-Type: application/json');
header('Content-Length: ' . strlen($out));
echo $out;
