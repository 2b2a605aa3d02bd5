/*
 * What the pages say, in five languages.
 *
 * Called by web/page.c.  Owns nothing.  The first texts are the English ones,
 * which stand in for any language that is not here.
 */
#include "web/words.h"

#include <stddef.h>
#include <string.h>

static words english = {
	[W_LANG] = "en",
	[W_SETTINGS] = "Connector settings",
	[W_LINE] = "Open Channel",
	[W_CONNECTOR] = "Connector",
	[W_ON] = "On",
	[W_ON_MORE] = "Messages of this Open Channel go through this "
	    "connector.",
	[W_OFF] = "Off",
	[W_OFF_MORE] = "No messages go through this connector on this Open "
	    "Channel.",
	[W_FAULTY] = "Error",
	[W_FAULTY_MORE] = "Bitrix24 reports an error of this connector. "
	    "Switching it on again clears it.",
	[W_UNKNOWN] = "Unknown",
	[W_UNKNOWN_MORE] = "Bitrix24 could not be asked how the connector "
	    "stands.",
	[W_LATE] = "Bitrix24 has not answered yet. Refresh in a moment.",
	[W_TURN_ON] = "Switch on",
	[W_TURN_OFF] = "Switch off",
	[W_LOOK] = "Refresh",
	[W_IS_ON] = "The connector is switched on.",
	[W_IS_OFF] = "The connector is switched off.",
	[W_NOT_DONE] = "That did not work:",
	[W_WAITING] = "Messages waiting",
	[W_REFUSED] = "Messages refused",
	[W_OR_MORE] = "or more",
	[W_ERROR] = "Last error",
	[W_NONE] = "None",
	[W_SETUP] = "Set-up",
	[W_SETUP_DONE] = "Complete",
	[W_SETUP_WANTED] = "On its way",
	[W_SETUP_WAITS] = "Waiting for Bitrix24 to finish the installation",
	[W_INSTALL] = "Installation",
	[W_INSTALLED] = "The application is installed and set up. Next, "
	    "switch the connector on for an Open Channel: Contact Center, then "
	    "the tile of the connector.",
	[W_FINISH] = "The application is set up. Bitrix24 now finishes the "
	    "installation. If this page stays, open it again.",
	[W_PENDING] = "The installation is on its way. Open this page again "
	    "in a minute.",
	[W_FAILED] = "The application is installed, but could not be set up:",
	[W_SORRY] = "This page cannot be shown",
	[W_DENIED] = "It could not be proven who opens this page. Open it "
	    "from Bitrix24 again; if that does not help, install the "
	    "application again.",
	[W_EXPIRED] = "This page has been open for too long. Close it and "
	    "open it from Bitrix24 again.",
	[W_RETRY] = "It cannot be shown at the moment. Open it again in a "
	    "minute.",
	[W_UNUSABLE] = "The request cannot be used.",
};

static words german = {
	[W_LANG] = "de",
	[W_SETTINGS] = "Einstellungen des Connectors",
	[W_LINE] = "Offener Kanal",
	[W_CONNECTOR] = "Connector",
	[W_ON] = "Ein",
	[W_ON_MORE] = "Nachrichten dieses offenen Kanals laufen über diesen "
	    "Connector.",
	[W_OFF] = "Aus",
	[W_OFF_MORE] = "Auf diesem offenen Kanal laufen keine Nachrichten "
	    "über diesen Connector.",
	[W_FAULTY] = "Fehler",
	[W_FAULTY_MORE] = "Bitrix24 meldet einen Fehler dieses Connectors. "
	    "Erneutes Einschalten behebt ihn.",
	[W_UNKNOWN] = "Unbekannt",
	[W_UNKNOWN_MORE] = "Bitrix24 konnte nicht nach dem Zustand des "
	    "Connectors gefragt werden.",
	[W_LATE] = "Bitrix24 hat noch nicht geantwortet. Bitte gleich "
	    "aktualisieren.",
	[W_TURN_ON] = "Einschalten",
	[W_TURN_OFF] = "Ausschalten",
	[W_LOOK] = "Aktualisieren",
	[W_IS_ON] = "Der Connector ist eingeschaltet.",
	[W_IS_OFF] = "Der Connector ist ausgeschaltet.",
	[W_NOT_DONE] = "Das hat nicht geklappt:",
	[W_WAITING] = "Wartende Nachrichten",
	[W_REFUSED] = "Abgelehnte Nachrichten",
	[W_OR_MORE] = "oder mehr",
	[W_ERROR] = "Letzter Fehler",
	[W_NONE] = "Keiner",
	[W_SETUP] = "Einrichtung",
	[W_SETUP_DONE] = "Abgeschlossen",
	[W_SETUP_WANTED] = "Läuft",
	[W_SETUP_WAITS] = "Wartet, bis Bitrix24 die Installation abschließt",
	[W_INSTALL] = "Installation",
	[W_INSTALLED] = "Die Anwendung ist installiert und eingerichtet. "
	    "Schalten Sie nun den Connector für einen offenen Kanal ein: "
	    "Contact Center, dann die Kachel des Connectors.",
	[W_FINISH] = "Die Anwendung ist eingerichtet. Bitrix24 schließt nun "
	    "die Installation ab. Bleibt diese Seite stehen, öffnen Sie sie "
	    "erneut.",
	[W_PENDING] = "Die Installation läuft. Öffnen Sie diese Seite in "
	    "einer Minute erneut.",
	[W_FAILED] = "Die Anwendung ist installiert, konnte aber nicht "
	    "eingerichtet werden:",
	[W_SORRY] = "Diese Seite kann nicht angezeigt werden",
	[W_DENIED] = "Es ließ sich nicht nachweisen, wer diese Seite öffnet. "
	    "Öffnen Sie sie erneut aus Bitrix24; hilft das nicht, "
	    "installieren Sie die Anwendung neu.",
	[W_EXPIRED] = "Diese Seite war zu lange geöffnet. Schließen Sie sie "
	    "und öffnen Sie sie erneut aus Bitrix24.",
	[W_RETRY] = "Sie kann im Moment nicht angezeigt werden. Öffnen Sie "
	    "sie in einer Minute erneut.",
	[W_UNUSABLE] = "Die Anfrage ist nicht verwendbar.",
};

static words russian = {
	[W_LANG] = "ru",
	[W_SETTINGS] = "Настройки коннектора",
	[W_LINE] = "Открытая линия",
	[W_CONNECTOR] = "Коннектор",
	[W_ON] = "Включён",
	[W_ON_MORE] = "Сообщения этой открытой линии идут через этот "
	    "коннектор.",
	[W_OFF] = "Выключен",
	[W_OFF_MORE] = "На этой открытой линии сообщения через этот "
	    "коннектор не идут.",
	[W_FAULTY] = "Ошибка",
	[W_FAULTY_MORE] = "Битрикс24 сообщает об ошибке этого коннектора. "
	    "Повторное включение её сбрасывает.",
	[W_UNKNOWN] = "Неизвестно",
	[W_UNKNOWN_MORE] = "Не удалось узнать у Битрикс24 состояние "
	    "коннектора.",
	[W_LATE] = "Битрикс24 ещё не ответил. Обновите страницу через "
	    "некоторое время.",
	[W_TURN_ON] = "Включить",
	[W_TURN_OFF] = "Выключить",
	[W_LOOK] = "Обновить",
	[W_IS_ON] = "Коннектор включён.",
	[W_IS_OFF] = "Коннектор выключен.",
	[W_NOT_DONE] = "Не получилось:",
	[W_WAITING] = "Сообщений в очереди",
	[W_REFUSED] = "Отклонённых сообщений",
	[W_OR_MORE] = "или больше",
	[W_ERROR] = "Последняя ошибка",
	[W_NONE] = "Нет",
	[W_SETUP] = "Настройка",
	[W_SETUP_DONE] = "Завершена",
	[W_SETUP_WANTED] = "Выполняется",
	[W_SETUP_WAITS] = "Ожидает, пока Битрикс24 завершит установку",
	[W_INSTALL] = "Установка",
	[W_INSTALLED] = "Приложение установлено и настроено. Теперь включите "
	    "коннектор на открытой линии: Контакт-центр, затем плитка "
	    "коннектора.",
	[W_FINISH] = "Приложение настроено. Битрикс24 завершает установку. "
	    "Если эта страница не исчезнет, откройте её снова.",
	[W_PENDING] = "Установка выполняется. Откройте эту страницу снова "
	    "через минуту.",
	[W_FAILED] = "Приложение установлено, но настроить его не удалось:",
	[W_SORRY] = "Эту страницу нельзя показать",
	[W_DENIED] = "Не удалось подтвердить, кто открывает эту страницу. "
	    "Откройте её снова из Битрикс24; если не поможет, переустановите "
	    "приложение.",
	[W_EXPIRED] = "Эта страница была открыта слишком долго. Закройте её "
	    "и снова откройте из Битрикс24.",
	[W_RETRY] = "Сейчас её показать нельзя. Откройте её снова через "
	    "минуту.",
	[W_UNUSABLE] = "Запрос не может быть использован.",
};

static words spanish = {
	[W_LANG] = "es",
	[W_SETTINGS] = "Configuración del conector",
	[W_LINE] = "Canal abierto",
	[W_CONNECTOR] = "Conector",
	[W_ON] = "Activado",
	[W_ON_MORE] = "Los mensajes de este canal abierto pasan por este "
	    "conector.",
	[W_OFF] = "Desactivado",
	[W_OFF_MORE] = "En este canal abierto no pasa ningún mensaje por "
	    "este conector.",
	[W_FAULTY] = "Error",
	[W_FAULTY_MORE] = "Bitrix24 comunica un error de este conector. Al "
	    "activarlo de nuevo se borra.",
	[W_UNKNOWN] = "Desconocido",
	[W_UNKNOWN_MORE] = "No se pudo preguntar a Bitrix24 por el estado "
	    "del conector.",
	[W_LATE] = "Bitrix24 aún no ha respondido. Actualice dentro de un "
	    "momento.",
	[W_TURN_ON] = "Activar",
	[W_TURN_OFF] = "Desactivar",
	[W_LOOK] = "Actualizar",
	[W_IS_ON] = "El conector está activado.",
	[W_IS_OFF] = "El conector está desactivado.",
	[W_NOT_DONE] = "No ha funcionado:",
	[W_WAITING] = "Mensajes en espera",
	[W_REFUSED] = "Mensajes rechazados",
	[W_OR_MORE] = "o más",
	[W_ERROR] = "Último error",
	[W_NONE] = "Ninguno",
	[W_SETUP] = "Preparación",
	[W_SETUP_DONE] = "Completa",
	[W_SETUP_WANTED] = "En curso",
	[W_SETUP_WAITS] = "A la espera de que Bitrix24 termine la instalación",
	[W_INSTALL] = "Instalación",
	[W_INSTALLED] = "La aplicación está instalada y preparada. Ahora "
	    "active el conector en un canal abierto: Contact Center y, allí, "
	    "el mosaico del conector.",
	[W_FINISH] = "La aplicación está preparada. Bitrix24 termina ahora "
	    "la instalación. Si esta página no desaparece, ábrala de nuevo.",
	[W_PENDING] = "La instalación está en curso. Abra esta página de "
	    "nuevo dentro de un minuto.",
	[W_FAILED] = "La aplicación está instalada, pero no se pudo preparar:",
	[W_SORRY] = "No se puede mostrar esta página",
	[W_DENIED] = "No se pudo comprobar quién abre esta página. Ábrala de "
	    "nuevo desde Bitrix24; si no ayuda, vuelva a instalar la "
	    "aplicación.",
	[W_EXPIRED] = "Esta página ha estado abierta demasiado tiempo. "
	    "Ciérrela y ábrala de nuevo desde Bitrix24.",
	[W_RETRY] = "En este momento no se puede mostrar. Ábrala de nuevo "
	    "dentro de un minuto.",
	[W_UNUSABLE] = "La solicitud no se puede utilizar.",
};

static words portuguese = {
	[W_LANG] = "pt",
	[W_SETTINGS] = "Configurações do conector",
	[W_LINE] = "Canal aberto",
	[W_CONNECTOR] = "Conector",
	[W_ON] = "Ligado",
	[W_ON_MORE] = "As mensagens deste canal aberto passam por este "
	    "conector.",
	[W_OFF] = "Desligado",
	[W_OFF_MORE] = "Neste canal aberto nenhuma mensagem passa por este "
	    "conector.",
	[W_FAULTY] = "Erro",
	[W_FAULTY_MORE] = "O Bitrix24 comunica um erro deste conector. "
	    "Ligá-lo de novo apaga o erro.",
	[W_UNKNOWN] = "Desconhecido",
	[W_UNKNOWN_MORE] = "Não foi possível perguntar ao Bitrix24 pelo "
	    "estado do conector.",
	[W_LATE] = "O Bitrix24 ainda não respondeu. Atualize daqui a pouco.",
	[W_TURN_ON] = "Ligar",
	[W_TURN_OFF] = "Desligar",
	[W_LOOK] = "Atualizar",
	[W_IS_ON] = "O conector está ligado.",
	[W_IS_OFF] = "O conector está desligado.",
	[W_NOT_DONE] = "Não funcionou:",
	[W_WAITING] = "Mensagens em espera",
	[W_REFUSED] = "Mensagens recusadas",
	[W_OR_MORE] = "ou mais",
	[W_ERROR] = "Último erro",
	[W_NONE] = "Nenhum",
	[W_SETUP] = "Preparação",
	[W_SETUP_DONE] = "Concluída",
	[W_SETUP_WANTED] = "Em andamento",
	[W_SETUP_WAITS] = "À espera de que o Bitrix24 conclua a instalação",
	[W_INSTALL] = "Instalação",
	[W_INSTALLED] = "O aplicativo está instalado e preparado. Agora "
	    "ligue o conector em um canal aberto: Contact Center e, lá, o "
	    "bloco do conector.",
	[W_FINISH] = "O aplicativo está preparado. O Bitrix24 conclui agora "
	    "a instalação. Se esta página não desaparecer, abra-a de novo.",
	[W_PENDING] = "A instalação está em andamento. Abra esta página de "
	    "novo daqui a um minuto.",
	[W_FAILED] = "O aplicativo está instalado, mas não pôde ser "
	    "preparado:",
	[W_SORRY] = "Não é possível mostrar esta página",
	[W_DENIED] = "Não foi possível comprovar quem abre esta página. "
	    "Abra-a de novo a partir do Bitrix24; se não ajudar, instale o "
	    "aplicativo novamente.",
	[W_EXPIRED] = "Esta página ficou aberta tempo demais. Feche-a e "
	    "abra-a de novo a partir do Bitrix24.",
	[W_RETRY] = "No momento ela não pode ser mostrada. Abra-a de novo "
	    "daqui a um minuto.",
	[W_UNUSABLE] = "O pedido não pode ser usado.",
};

static const struct {
	const char *name;
	const char *const *words;
} languages[] = {
	{ "en", english },
	{ "de", german },
	{ "ru", russian },
	{ "la", spanish },	/* so Bitrix24 calls that of Latin America */
	{ "es", spanish },
	{ "br", portuguese },	/* likewise */
	{ "pt", portuguese },
};

const char *const *
words_of(const char *query)
{
	static const char key[] = "LANG=";
	const size_t n = sizeof(key) - 1;
	const char *s = query;

	while (s != NULL && strncmp(s, key, n) != 0) {
		s = strchr(s, '&');
		s = s != NULL ? s + 1 : NULL;
	}
	for (size_t i = 0; s != NULL && i < sizeof(languages) /
	    sizeof(languages[0]); i++)
		if (strncmp(s + n, languages[i].name, 2) == 0 &&
		    (s[n + 2] == '&' || s[n + 2] == '\0'))
			return languages[i].words;
	return english;
}
